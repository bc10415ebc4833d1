"""Posts frames to connections through API Gateway's management API, many at once on one thread.

One selector loop drives all connections: sign, send, read, next. boto3 needs about forty times the CPU for the same
request, and a small Lambda function has little CPU (docs/benchmark.md). These are the parts; each uses only later
ones: this client, :mod:`run`, then :mod:`read_ahead`, :mod:`retries`, :mod:`connection_pool` with
:mod:`addresses`, :mod:`connection`, :mod:`sigv4`, :mod:`http1` and :mod:`posts`.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from handlers.runtime.settings import settings

from .connection_pool import ConnectionPool
from .retries import Quota
from .run import Limits, Memory, Run
from .sigv4 import CredentialSource, RequestSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .posts import Outcome, P

_DEFAULT_LIMITS = Limits()


class ManagementApi:
    """A client of the management API that keeps its connections between calls. Use it from one thread at a time.

    Attributes:
        pool: The connections.
    """

    def __init__(self, endpoint: str, region: str, limits: Limits = _DEFAULT_LIMITS) -> None:
        """Prepare, without opening a connection.

        Args:
            endpoint: URL with the stage, ``https://abc.execute-api.us-east-1.amazonaws.com/production``.
            region: The region that requests are signed for.
            limits: See :class:`Limits`.
        """
        self._limits = limits
        self._signer = RequestSigner(endpoint, region)
        self._credentials = CredentialSource()
        self.pool = ConnectionPool(*self._signer.address, tls=self._signer.tls)
        self._memory = Memory(slow=set(), quota=Quota())

    def post_all(
        self,
        posts: Iterable[P],
        *,
        deadline: float,
        on_outcome: Callable[[P, Outcome], None],
        gives_way: bool = False,
    ) -> None:
        """Post every frame, and report the outcome of each.

        A post is tried again if the answer says that the frame was not delivered. It is not if no answer comes, because
        the client may have the frame. With one exception, after which a frame may reach its client twice: if an
        idle connection turns out to be closed, its post is tried once more on a new one.

        Args:
            posts: Read ahead on another thread, up to a limit: one page is read while another is posted.
            deadline: Moment of ``time.monotonic()``. After it, posts fail without an attempt.
            on_outcome: Called on the calling thread, once for each post that was read. Posting waits while it runs.
            gives_way: Whether these posts give way to others when the account has reached its limit. A post is then not
                tried again after a 429, and while 429s come from all sides, it fails without an attempt.

        Raises:
            botocore.exceptions.NoCredentialsError: There are no credentials. No post was read.
            TimeoutError: ``posts`` was still not exhausted half a second after the deadline.
            Exception: The error of ``posts``, after all posts before it were finished. Or the error of ``on_outcome``.
        """
        self.pool.discard_old()
        run = Run(
            self.pool,
            self._signer,
            self._credentials,
            self._limits,
            self._memory,
            posts,
            gives_way=gives_way,
            deadline=deadline,
            on_outcome=on_outcome,
        )
        try:
            run.run()
        finally:
            run.stop()

    def close(self) -> None:
        """Close all connections. The object cannot be used afterwards."""
        self.pool.close()


_of_threads: dict[int, ManagementApi] = {}


def management_api() -> ManagementApi:
    """The management API of this deployment, one for each thread. Its connections are kept across invocations."""
    thread = threading.get_ident()
    if thread not in _of_threads:
        _of_threads[thread] = ManagementApi(settings().callback_url, settings().aws_region)
    return _of_threads[thread]
