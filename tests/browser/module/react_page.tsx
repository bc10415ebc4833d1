/** What test_react.py runs in a browser: the app of docs/nextjs.md, and what the hooks return. */
import { type ComponentType, StrictMode } from "react";
import { type Root, createRoot } from "react-dom/client";
import type { ClientOptions } from "websocket-chat-client";
import { useChat, useGroup, useUnread } from "websocket-chat-client/react";

import { Groups } from "documented/groups";
import { ChatProvider, type User } from "documented/provider";

type Probed = { url: string; options: ClientOptions | null; groupId?: string; events?: boolean };

const roots: Record<string, Root> = {};
const probe: Record<string, unknown> = { renders: 0 };

function Probe({ url, options, groupId, events = true }: Probed) {
  const chat = useChat(url, options);
  const group = useGroup(chat.client, groupId, { events });
  Object.assign(probe, { chat, group, unread: useUnread(chat.client), renders: (probe.renders as number) + 1 });
  return null;
}

function App({ user, groupIds }: { user: User; groupIds: string[] }) {
  return (
    <ChatProvider user={user}>
      <Groups groupIds={groupIds} />
    </ChatProvider>
  );
}

class SpiedSocket extends WebSocket {
  static all: SpiedSocket[] = [];
  actions: string[] = [];

  constructor(url: string, protocols?: string[]) {
    super(url, protocols);
    SpiedSocket.all.push(this);
  }

  override send(text: string) {
    const { action, groupIds = [], events } = JSON.parse(text);
    this.actions.push([action, ...groupIds, ...(events ? ["with events"] : [])].join(" "));
    super.send(text);
  }
}

const components: Record<string, ComponentType<any>> = { App, Probe };

Object.assign(window, {
  WebSocket: SpiedSocket,
  sockets: SpiedSocket.all,
  probe,
  show(id: string, component: string, props: object) {
    const Component = components[component]!;
    document.getElementById(id) ?? document.body.appendChild(Object.assign(document.createElement("div"), { id }));
    roots[id] ??= createRoot(document.getElementById(id)!);
    roots[id].render(
      <StrictMode>
        <Component {...props} />
      </StrictMode>,
    );
  },
  hide(id: string) {
    roots[id]!.unmount();
    delete roots[id];
  },
});
