"""Background work: the sources that run functions without a client, and the queue for what failed."""

import json
from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from .existing_table import AnyTable
from .functions import BROADCAST, PRESENCE
from .part import Part
from .shared import GROUP_ID

_LEAVES_OWN_GROUP = {
    "eventName": ["MODIFY"],
    "dynamodb": {
        "OldImage": {GROUP_ID: {"S": [{"exists": True}]}},
        "NewImage": {GROUP_ID: {"S": [{"exists": False}]}},
    },
}
"""Filter for a connection that leaves the group of its handshake: its row stays.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html"""


class Background(Part):
    """The queue of failures, and the sources of the background functions."""

    def failures_queue(self, *, after: Iterable[pulumi.Resource]) -> aws.sqs.Queue:
        """Make the queue. It keeps each failure for 14 days, the longest that SQS can: time to notice and look.

        It has no name of ours: SQS hands out an existing queue of the same name and attributes, so two stacks would
        share it, and the first one that is destroyed would delete it.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
        """
        args = aws.sqs.QueueArgs(
            message_retention_seconds=14 * 24 * 60 * 60,
            sqs_managed_sse_enabled=None if self.kms_key_arn else True,
            kms_master_key_id=self.kms_key_arn,
            tags=self.settings.tags,
        )
        opts = pulumi.ResourceOptions(depends_on=[*after])
        return self.children.make(aws.sqs.Queue, "failures_queue", "failures", args, opts)

    def slice_retries(
        self, functions: dict[str, aws.lambda_.Function], failures: aws.sqs.Queue, *, after: Iterable[pulumi.Resource]
    ) -> aws.lambda_.FunctionEventInvokeConfig:
        """Retry a failed slice of a large group for 15 minutes at most, then send it to the queue.

        Lambda checks that the role may send to the queue, so this comes after the policies.
        """
        args = aws.lambda_.FunctionEventInvokeConfigArgs(
            function_name=functions[BROADCAST.key].name,
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=15 * 60,
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(destination=failures.arn)
            ),
        )
        opts = pulumi.ResourceOptions(depends_on=[*after])
        return self.children.make(aws.lambda_.FunctionEventInvokeConfig, "slice_retries", "slice-retries", args, opts)

    def presence_stream(
        self,
        functions: dict[str, aws.lambda_.Function],
        connections: AnyTable,
        failures: aws.sqs.Queue,
        *,
        after: Iterable[pulumi.Resource],
    ) -> aws.lambda_.EventSourceMapping | None:
        """Feed the stream of the connections table to its function, if presence is on.

        Lambda checks that the role may read the stream, so this comes after the policies.
        """
        if not self.settings.presence:
            return None
        args = aws.lambda_.EventSourceMappingArgs(
            event_source_arn=connections.stream_arn,
            function_name=functions[PRESENCE.key].arn,
            starting_position="LATEST",
            # A group gets one frame per batch, and a user who reconnects within a batch is not announced at all. The
            # index with the other connections also lags behind the stream.
            batch_size=1_000,
            maximum_batching_window_in_seconds=5,
            # Presence events that are minutes old are useless.
            maximum_record_age_in_seconds=5 * 60,
            maximum_retry_attempts=3,
            # The function names the records that failed. Without this, Lambda ignores what it returns.
            function_response_types=["ReportBatchItemFailures"],
            # For a run that ends without an answer.
            bisect_batch_on_function_error=True,
            # AWS returns the text as it is, and the provider compares texts. Its own test has a text in this form:
            # TestAccLambdaEventSourceMapping_SQS_filterCriteria in internal/service/lambda of terraform-provider-aws.
            filter_criteria=aws.lambda_.EventSourceMappingFilterCriteriaArgs(
                filters=[
                    aws.lambda_.EventSourceMappingFilterCriteriaFilterArgs(pattern=json.dumps(pattern))
                    for pattern in ({"eventName": ["INSERT", "REMOVE"]}, _LEAVES_OWN_GROUP)
                ]
            ),
            destination_config=aws.lambda_.EventSourceMappingDestinationConfigArgs(
                on_failure=aws.lambda_.EventSourceMappingDestinationConfigOnFailureArgs(destination_arn=failures.arn)
            ),
            tags=self.settings.tags,
        )
        opts = pulumi.ResourceOptions(depends_on=[*after], protect=False)
        return self.children.make(aws.lambda_.EventSourceMapping, "presence_stream", "presence-stream", args, opts)
