/** The files that users copy into their front ends: the size, the declarations, and the documented examples. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

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

test("the module is under 24 KB minified and has no dependency", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [CLIENT],
    bundle: true,
    format: "esm",
    minify: true,
    metafile: true,
    write: false,
    outdir: ".",
  });
  assert.ok(outputFiles[0].contents.length < 24 * 1024, `${outputFiles[0].contents.length} bytes`);
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

const codeIn = (document, language) => {
  const text = readFileSync(join(ROOT, "docs", document), "utf8");
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map(([, code]) => code);
};
const [twoGroups, unread, changes] = codeIn("client.md", "js");
const [provider, groups, group, page, hookWithToken] = codeIn("nextjs.md", "tsx");
const [token] = codeIn("nextjs.md", "ts");

test("the examples of docs/client.md compile", () => {
  assert.equal(
    faults({ "chat.js": twoGroups + unread + changes, "chat-client.d.ts": DECLARATIONS }, { types: [] }),
    "",
  );
});

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
const reply: string = room.send("Yes", { type: "text", replyTo: room.messages[0]?.messageId, data: { a: [1] } });
room.on("change", ({ key, deletedAt, reactions = {} }) => console.log(key, deletedAt?.length, reactions["👍"]?.length));
room.on("reset", () => {});
const edited: Promise<string | undefined> = room.edit("m", reply).then(({ changedAt }) => changedAt);
console.log(edited, room.delete("m"), room.react("m", "👍"), room.react("m", "👍", false));
console.log(unread, room.readers.filter(({ userId }) => userId !== "u")[0]?.timestamp.length);
const single: ChatClient = new ChatClient({ url: "wss://x", groupId: "g", userId: "u" });
console.log(single.edit("m", "x"), single.delete("m"), single.react("m", "👍"), single.send("x", { replyTo: "m" }));
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
// @ts-expect-error
room.send("x", { data: "y" });
// @ts-expect-error Only a client connects.
room.connect();
// @ts-expect-error
new ChatClient("wss://x");
// @ts-expect-error
new ChatClient("wss://x", { userId: "u", groupId: "g" });
// @ts-expect-error
new ChatClient({ url: "wss://x", userId: "u" });
`;

/** The code of docs/nextjs.md, the old and the new code of docs/client.md, and what it uses of packages that are not here. */
const APP = {
  "provider.tsx": provider,
  "with_token.tsx": `import { getToken } from "./token";\n${provider.replace(/^ *const chat = .*\n/m, hookWithToken)}`,
  "groups.tsx": groups,
  "group.tsx": group,
  "page.tsx": page,
  "token.ts": token,
  "old.ts": codeIn("client.md", "ts").join("\n"),
  "new.tsx": `
    import { useChat, useGroup, useUnread } from "websocket-chat-client/react";
    import { getToken } from "./token";
    export function Both({ userId, senderName, groupId }: { userId: string; senderName: string; groupId: string }) {
      ${codeIn("client.md", "tsx").join("\n")}
      return { status, list, send, groups, unread };
    }`,
  "others.d.ts": `
    declare const process: { env: { NEXT_PUBLIC_WS_ENDPOINT?: string } };
    declare module "aws-amplify/auth" {
      type Token = { payload: { exp?: number }; toString(): string };
      function fetchAuthSession(options?: { forceRefresh?: boolean }): Promise<{ tokens?: { idToken?: Token } }>;
    }`,
};

const ON_A_SERVER = `
import { renderToString } from "react-dom/server";

import { Groups } from "./groups";
import Page from "./page";
import { ChatProvider } from "./provider";

const user = { id: "u", name: "U" };
console.log(renderToString(<ChatProvider user={user}><Groups groupIds={["g"]} /></ChatProvider>));
console.log(renderToString(<Page />));
`;

test("the npm package works in Node.js and passes every strict option of TypeScript", async () => {
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
    const check = (name, files, options) => {
      mkdirSync(join(folder, name));
      for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, name, file), code);
      writeFileSync(
        join(folder, name, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...STRICTEST, ...options } }),
      );
      run(join(folder, name), process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"));
    };
    check("use", { "use.ts": USE }, {});
    // Imports as bundlers resolve them, Next.js's among them.
    check("app", APP, { module: "preserve" });
    const names = (path) => `import("${path}").then((module) => console.log(Object.keys(module).join()))`;
    const provided = (path) => run(folder, process.execPath, "--eval", names(path));
    assert.equal(provided("websocket-chat-client"), "ChatClient,ChatError,isId,isUrl,isVisible\n");
    assert.equal(provided("websocket-chat-client/react"), "useChat,useGroup,useUnread\n");
    writeFileSync(join(folder, "app/server.tsx"), ON_A_SERVER);
    const paths = { entryPoints: [join(folder, "app/server.tsx")], outfile: join(folder, "server.js") };
    await build({ ...paths, bundle: true, packages: "external", format: "esm", jsx: "automatic" });
    // It ends only because nothing connects.
    assert.match(run(folder, process.execPath, "server.js"), />idle<.*>Here: <.*\n<form.* name="name"/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
