"""Keys of the config that the chat does not know. The preview refuses them before anything is registered."""

import pulumi
import pytest

from components import UnknownKeyError, WebSocketChat, args_from_config

from .stack import Graph, program, run


def refusal(config: dict[str, object], project: str = "websocket-chat") -> str:
    """The refusal of a program. It names no value, because a value may be a secret."""
    graph = Graph()
    with pytest.raises(UnknownKeyError) as refused:
        program(config, project=project, graph=graph, preview=True)
    assert graph.resources == {}
    assert graph.calls == []
    text = str(refused.value)
    assert not [value for value in config.values() if str(value) in text]
    return text


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("memorysize", "memorySize"),
        ("MEMORYSIZE", "memorySize"),
        ("memory_size", "memorySize"),
        ("deletion-protection", "deletionProtection"),
        ("jwtAudiences", "jwtAudience"),
        ("pointInTimeRecover", "pointInTimeRecovery"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_nearest_known_one(given: str, meant: str) -> None:
    assert f"  websocket-chat:{given} (did you mean websocket-chat:{meant}?)\n" in refusal({given: "hush-1024"})


def test_a_key_that_resembles_none_is_refused() -> None:
    assert "  websocket-chat:zzz\n" in refusal({"zzz": "hush-1"})


def test_all_unknown_keys_are_named_at_once() -> None:
    text = refusal({"memorysize": "hush-1", "zzz": "hush-2", "websocket-chat:timeOut": "hush-3"})
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")] == [
        "websocket-chat:memorysize",
        "websocket-chat:timeOut",
        "websocket-chat:zzz",
    ]


@pytest.mark.parametrize("key", ["websocket-chat:deletionProtection", "old-name:deletionprotection"])
def test_keys_of_the_name_that_the_project_had_are_refused(key: str) -> None:
    assert f"  {key} (did you mean my-chat:deletionProtection?)\n" in refusal({key: "hush"}, project="my-chat")


@pytest.mark.parametrize(
    "key",
    [
        "aws:region",
        "aws:defaultTags",
        "aws:timeout",  # Not a key of AWS today, but its package is installed.
        "pulumi:tags",
        "aws-native:region",
        "kubernetes:kubeconfig",
        "backend:secret",
        "a:b:c",
    ],
)
def test_keys_of_providers_packages_and_other_programs_are_allowed(key: str) -> None:
    assert program({key: "value"}).resources.keys() == program().resources.keys()


def test_a_program_can_have_keys_of_its_own_beside_a_namespace_for_the_chat() -> None:
    config = {"chat:memorySize": "256", "staff:memorySize": "1024", "websocket-chat:domain": "example.com"}

    def own_program() -> None:
        assert pulumi.Config().require("domain") == "example.com"
        WebSocketChat("chat", args_from_config(pulumi.Config("chat")))
        WebSocketChat("staff", args_from_config(pulumi.Config("staff")) | {"name_prefix": "Staff"})

    resources = run(own_program, config=config).resources
    assert resources["chat-connect-function"].inputs["memorySize"] == 256
    assert resources["staff-connect-function"].inputs["memorySize"] == 1024

    with pytest.raises(UnknownKeyError, match=r"  chat:memorysize \(did you mean chat:memorySize\?\)"):
        run(own_program, config=config | {"chat:memorysize": "256"})


def test_the_error_says_how_a_program_keeps_keys_of_its_own() -> None:
    def own_program() -> None:
        args_from_config(pulumi.Config())

    with pytest.raises(UnknownKeyError, match=r'args_from_config\(pulumi\.Config\("chat"\)\) reads chat:memorySize'):
        run(own_program, config={"websocket-chat:domain": "example.com"})
