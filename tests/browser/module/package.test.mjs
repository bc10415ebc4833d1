/** The files that users copy into their front ends: the size, the declarations, and the documented examples. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { build, transformSync } from "esbuild";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CLIENT = join(ROOT, "web/chat-client.js");
const DECLARATIONS = join(ROOT, "web/chat-client.d.ts");

/** The TypeScript compiler's messages about files. */
function faults(files, compilerOptions = {}) {
  // Inside node_modules, so that it finds the types of React and Node.js.
  const folder = mkdtempSync(join(ROOT, "node_modules/.types-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      if (content.endsWith(".ts") || content.endsWith(".js")) copyFileSync(content, join(folder, name));
      else writeFileSync(join(folder, name), content);
    }
    const config = {
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: { module: "preserve", types: ["node"], skipLibCheck: false, ...compilerOptions },
      include: [],
      files: Object.keys(files),
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    return spawnSync(process.execPath, [tsc, "--project", folder], { encoding: "utf8" }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the module is under 18 KB minified and has no dependency", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [CLIENT],
    bundle: true,
    format: "esm",
    minify: true,
    metafile: true,
    write: false,
    outdir: ".",
  });
  assert.ok(outputFiles[0].contents.length < 18 * 1024, `${outputFiles[0].contents.length} bytes`);
  assert.equal(Object.keys(metafile.inputs).length, 1);
});

const AGREEMENT = `
import * as implementation from "./implementation.js";
import type * as declared from "./chat-client.js";

const provided: typeof declared = implementation;
type Undeclared =
  | Exclude<keyof typeof implementation, keyof typeof declared>
  | Exclude<keyof implementation.ChatClient, keyof declared.ChatClient>
  | Exclude<keyof ReturnType<implementation.ChatClient["group"]>, keyof declared.Room>
  | Exclude<keyof implementation.ChatError, keyof declared.ChatError>;
const nothing: [Undeclared] extends [never] ? true : Undeclared = true;
`;
const agreement = { "agreement.ts": AGREEMENT, "implementation.js": CLIENT, "chat-client.d.ts": DECLARATIONS };

test("the declarations match the module exactly", () => {
  assert.equal(faults(agreement), "");
});

for (const [name, from, to] of [
  ["something declared is missing", "\n  discard(", "\n  drop("],
  ["something provided is not declared", "\n  discard(", "\n  another() {}\n\n  discard("],
  ["a type differs", "return clientMessageId;", "return 1;"],
]) {
  test(`the check above notices when ${name}`, () => {
    // Without the checks of other packages' declarations: the test above makes them.
    const changed = readFileSync(CLIENT, "utf8").replace(from, to);
    assert.match(faults({ ...agreement, "implementation.js": changed }, { skipLibCheck: true }), /agreement\.ts/);
  });
}

const examples = [...readFileSync(join(ROOT, "docs/client.md"), "utf8").matchAll(/```(js|tsx?)\n(.*?)```/gs)];
const [plain, many, unread, react] = examples.map(([, , code]) => code);

for (const [name, code] of Object.entries({ "a plain page": plain, "many groups": many + unread })) {
  test(`the example for ${name} compiles`, () => {
    assert.equal(faults({ "chat.js": code, "chat-client.d.ts": DECLARATIONS }, { types: [] }), "");
  });
}

const STRICTEST = {
  strict: true,
  allowUnreachableCode: false,
  allowUnusedLabels: false,
  erasableSyntaxOnly: true,
  exactOptionalPropertyTypes: true,
  isolatedModules: true,
  noFallthroughCasesInSwitch: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUncheckedIndexedAccess: true,
  noUncheckedSideEffectImports: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  noEmit: true,
  module: "nodenext",
  target: "es2023",
  jsx: "react-jsx",
  types: [],
};

const USE = `
import { type Chat, ChatClient, type ChatError, type Room } from "websocket-chat-client";
import { useChat, useGroup, useUnread } from "websocket-chat-client/react";

const chat: Chat = new ChatClient("wss://x", { userId: "u", tokenAsSubprotocol: true, getToken: async () => "t" });
const room: Room = chat.group("g");
const stop: () => void = room.on("messages", ([first]) => first?.key.length);
chat.on("error", ({ groupId, code }: ChatError) => console.log(groupId?.length, code.length));
chat.on("groups", ([first]) => first?.lastMessage?.message.length);
const unread: Promise<number> = chat.groups().then((list) => list.reduce((sum, group) => sum + group.unread, 0));
room.markRead();
console.log(unread, room.readers.filter(({ userId }) => userId !== "u")[0]?.timestamp.length);
const single: ChatClient = new ChatClient({ url: "wss://x", groupId: "g", userId: "u" });
console.log(stop, single.messages.length, single.group("h").messages.length);
const { client, error }: { client: Chat | undefined; error: ChatError | undefined } = useChat("wss://x", null);
console.log(error?.code.length, useGroup(client, "g", { events: false }).room?.groupId, useUnread(client).groups?.length);
// @ts-expect-error
useGroup(client, "g").room.markRead();
// @ts-expect-error
useChat("wss://x", { senderName: "u" });
// @ts-expect-error Only a client has groups.
room.on("groups", () => {});
// @ts-expect-error Only a room has messages.
chat.on("messages", () => {});
// @ts-expect-error
chat.send("x");
// @ts-expect-error Only a client connects.
room.connect();
// @ts-expect-error
new ChatClient("wss://x");
// @ts-expect-error
new ChatClient("wss://x", { userId: "u", groupId: "g" });
// @ts-expect-error
new ChatClient({ url: "wss://x", userId: "u" });
`;

const ON_A_SERVER = `
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { ChatApp } from "./chat.js";

console.log(renderToString(createElement(ChatApp, { url: "wss://x", user: { id: "u", name: "U" }, groupIds: ["g"] })));
`;

test("the npm package works in Node.js and passes every strict option of TypeScript", () => {
  const run = (cwd, command, ...options) => {
    const { status, stdout, stderr } = spawnSync(command, options, { cwd, encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  };
  const folder = mkdtempSync(join(tmpdir(), "package-"));
  try {
    const [{ version, filename, files }] = JSON.parse(
      run(ROOT, "npm", "pack", "./web", "--json", "--silent", "--pack-destination", folder),
    );
    assert.match(readFileSync(join(ROOT, "pyproject.toml"), "utf8"), new RegExp(`^version = "${version}"$`, "m"));
    assert.deepEqual(files.map(({ path }) => path).sort(), [
      "LICENSE",
      "README.md",
      "chat-client.d.ts",
      "chat-client.js",
      "package.json",
      "react.d.ts",
      "react.js",
    ]);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    run(folder, "npm", "install", "--offline", "--silent", "--no-audit", "--no-fund", `./${filename}`);
    for (const name of ["react", "react-dom", "scheduler", "@types"])
      symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
    writeFileSync(join(folder, "use.ts"), USE);
    writeFileSync(join(folder, "chat.tsx"), react);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: STRICTEST }));
    run(folder, process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"));
    const names = (path) => `import("${path}").then((module) => console.log(Object.keys(module).join()))`;
    const provided = (path) => run(folder, process.execPath, "--eval", names(path));
    assert.equal(provided("websocket-chat-client"), "ChatClient,ChatError\n");
    assert.equal(provided("websocket-chat-client/react"), "useChat,useGroup,useUnread\n");
    const { code } = transformSync(react, { loader: "tsx", jsx: "automatic" });
    writeFileSync(join(folder, "chat.js"), code);
    // It ends only because nothing connects.
    assert.match(run(folder, process.execPath, "--input-type=module", "--eval", ON_A_SERVER), />idle<.*>0 here</);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
