/** Where a text mentions the user. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mentionsUser, setOwnName, splitAtOwn } from "../../../web/page/mentions.js";

for (const [name, message, names] of [
  ["Ann", "ANN, are you there? @ann!", ["@ann"]],
  ["Will", "Will it rain? I will see, @will", ["@will"]],
  ["Ann", "@Annabel and me@ann, @ann_1", []],
  ["민수", "@민수는 여기", ["@민수"]],
  ["田中", "おはよう@田中さん", ["@田中"]],
  ["José", "@joséphine, @JOSÉ", ["@JOSÉ"]],
  ["a.b*(c)", "@axb @a.b*(c)", ["@a.b*(c)"]],
  ["Zoë", "@Zoë2 @zoë_ (@zoë)", ["@zoë"]],
  ["-\\^$|[]{}?+/", "it is @-\\^$|[]{}?+/!", ["@-\\^$|[]{}?+/"]],
]) {
  test(`${name} in ${message}`, () => {
    setOwnName(name);
    const parts = splitAtOwn(message);
    assert.deepEqual([parts.join(""), parts.filter((_, index) => index % 2)], [message, names]);
    assert.equal(mentionsUser({ message, own: false }), names.length > 0);
    assert.equal(mentionsUser({ message, own: true }), false);
  });
}

test("an address is no mention", () => {
  setOwnName("Ann");
  assert.equal(mentionsUser({ message: "https://example.com/@ann is not her", own: false }), false);
  assert.equal(mentionsUser({ message: "https://example.com/@ann is for @Ann", own: false }), true);
});
