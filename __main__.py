"""The program: config -> one WebSocketChat -> exports. ``Pulumi.yaml`` declares the config."""

import pulumi

from components import WebSocketChat, args_from_config

chat = WebSocketChat("chat", args_from_config(pulumi.Config()))

pulumi.export("WebSocketURL", chat.web_socket_url)
pulumi.export("CallbackURL", chat.callback_url)
pulumi.export("ApiId", chat.api_id)
pulumi.export("ConnectionsTable", chat.connections_table_name)
pulumi.export("MessagesTable", chat.messages_table_name)
pulumi.export("FailuresQueueURL", chat.failures_queue_url)
pulumi.export("FunctionNames", chat.function_names)
pulumi.export("LogGroupNames", chat.log_group_names)
if chat.target_domain_name:
    pulumi.export("TargetDomainName", chat.target_domain_name)
if chat.publish_function_name:
    pulumi.export("PublishFunction", chat.publish_function_name)
