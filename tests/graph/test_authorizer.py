"""The authorizer's settings for tokens, and its layer."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import Authentication, WebSocketChat, WebSocketChatArgs

from .stack import WITH_TOKENS, Graph, chat, run

POOL = "ap-southeast-2_AbCdEfGhI"
ISSUER_OF_POOL = f"https://cognito-idp.ap-southeast-2.amazonaws.com/{POOL}"
OF_POOL: WebSocketChatArgs = {
    "authentication": Authentication.JWT,
    "jwt_audience": ["app"],
    "cognito_user_pool_id": POOL,
}


def environment(graph: Graph) -> dict[str, str]:
    variables: dict[str, str] = graph.resources["chat-authorizer-function"].inputs["environment"]["variables"]
    return variables


@pytest.mark.parametrize(
    ("args", "issuer", "jwks_url"),
    [
        pytest.param(
            WITH_TOKENS, "https://issuer.example", "https://issuer.example/.well-known/jwks.json", id="issuer"
        ),
        pytest.param(
            WITH_TOKENS | {"jwt_issuer": "https://issuer.example/realms/chat/"},
            "https://issuer.example/realms/chat/",  # Exactly as in the tokens.
            "https://issuer.example/realms/chat/.well-known/jwks.json",
            id="issuer with a trailing slash",
        ),
        pytest.param(
            WITH_TOKENS | {"jwt_jwks_url": "https://keys.example/keys"},
            "https://issuer.example",
            "https://keys.example/keys",
            id="keys elsewhere",
        ),
        pytest.param(OF_POOL, ISSUER_OF_POOL, f"{ISSUER_OF_POOL}/.well-known/jwks.json", id="user pool"),
        pytest.param(
            OF_POOL | {"jwt_jwks_url": "https://keys.example/keys"},
            ISSUER_OF_POOL,
            "https://keys.example/keys",
            id="user pool with another address of the keys",
        ),
    ],
)
def test_the_function_gets_the_issuer_and_the_address_of_its_keys(
    args: WebSocketChatArgs, issuer: str, jwks_url: str
) -> None:
    told = environment(chat(args))
    assert (told["JWT_ISSUER"], told["JWT_JWKS_URL"]) == (issuer, jwks_url)


@pytest.mark.parametrize("base", [WITH_TOKENS, OF_POOL], ids=["issuer", "user pool"])
def test_outputs_are_accepted(base: WebSocketChatArgs) -> None:
    later = {"jwt_issuer", "jwt_jwks_url", "cognito_user_pool_id", "user_claim", "clock_skew"}
    args = base | {"jwt_jwks_url": "https://keys.example/keys", "user_claim": "email", "clock_skew": 0}

    def with_outputs() -> None:
        known: Any = {key: pulumi.Output.from_input(value) if key in later else value for key, value in args.items()}
        WebSocketChat("chat", known)

    assert environment(run(with_outputs)) == environment(chat(args))


def test_a_user_pool_of_the_same_program_is_accepted() -> None:
    def with_its_user_pool() -> None:
        pool = aws.cognito.UserPool("pool")
        WebSocketChat("chat", OF_POOL | {"cognito_user_pool_id": pool.id})

    previewed = run(with_its_user_pool, preview=True)  # In a preview, the pool has no id yet.
    made = run(with_its_user_pool, outputs={"pool": {"id": POOL}})
    assert previewed.resources.keys() == made.resources.keys()
    assert environment(made)["JWT_ISSUER"] == ISSUER_OF_POOL


def test_the_layer_contains_what_is_built(layer: pulumi.AssetArchive) -> None:
    content = chat(WITH_TOKENS).resources["chat-authorizer-layer"].inputs["code"]
    assert content.assets.keys() == layer.assets.keys()


@pytest.mark.parametrize("authentication", [Authentication.NONE, Authentication.IAM])
def test_without_tokens_no_layer_is_built(authentication: Authentication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("components.functions.authorizer_layer")
    assert chat({"authentication": authentication}).resources
