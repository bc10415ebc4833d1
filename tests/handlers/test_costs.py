from .chat import Chat
from .costs import measure
def test_x(chat: Chat):
    for k, v in measure(chat).items(): print(k, v)
    assert 0
