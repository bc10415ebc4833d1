/** The form with the group, the user and the server. A link fills it in. */
import { isId, isUrl } from "../chat-client.js";
import { byId, isolated } from "./elements.js";
import { faultOf } from "./faults.js";
import { joinedIn } from "./joined.js";
import { read, write } from "./storage.js";

/** @typedef {{ group: string, name: string, givenId: string, userId: string, endpoint: string, token: string }} Values */
/** @typedef {Omit<Values, "group"> & { group?: string }} Known */

const NAME_KEY = "chat-name";
const form = /** @type {HTMLFormElement} */ (byId("join"));

/** @param {Known | undefined} session What the user joined with before. @param {boolean} doubtful Whether it may be wrong. */
export async function showJoinForm(session, doubtful) {
  const query = new URLSearchParams(location.search);
  const known = session ?? {
    name: query.get("name") ?? read("localStorage", NAME_KEY),
    givenId: query.get("userId"),
  };
  fill("name", known.name);
  // Without a given id, another name is another user.
  fill("userId", known.givenId);
  // The token comes after the #, which browsers do not send to servers.
  fill("token", session?.token ?? new URLSearchParams(location.hash.slice(1)).get("token"));
  // What a link names must not replace a session's endpoint, or a token could leak.
  fill("endpoint", session?.endpoint ?? query.get("endpoint") ?? (await ownEndpoint()));
  fill("group", query.get("group") ?? session?.group ?? theirs().at(-1) ?? "general");
  greet();
  byId("connection").toggleAttribute("open", doubtful);
  byId("join-view").hidden = false;
  byId("chat-view").hidden = true;
  document.title = "Chat";
  field(field("group").value ? "name" : "group").focus();
  const own = await ownEndpoint();
  byId("own-endpoint").hidden = !own;
  // A link may name another endpoint than that of the page. The user must see it before they give it a token.
  if (!own || field("endpoint").value !== own) byId("connection").setAttribute("open", "");
}

/** The groups of the user that the form names. */
const theirs = () =>
  joinedIn({ endpoint: field("endpoint").value, userId: field("userId").value || field("name").value });

/** Somebody who was here before goes on where they were. The form asks only for what it does not know. */
function greet() {
  const groups = theirs();
  const goesOn = groups.includes(field("group").value);
  byId("join-title").replaceChildren(
    ...(groups.length ? ["Welcome back, ", isolated(field("name").value)] : ["Join a group"]),
  );
  byId("join-hint").hidden = byId("join-group-field").hidden = goesOn;
  byId("join-button").textContent = goesOn ? "Continue" : "Join";
  byId("no-password").hidden = !!field("token").value;
  byId("their-groups").hidden = !groups.length;
  byId("their-groups").replaceChildren(
    "Your groups: ",
    ...groups.flatMap((group, index) => (index ? [", ", isolated(group)] : [isolated(group)])),
    goesOn ? "." : ". They open, too.",
  );
}

// A field does not go while somebody types in it.
form.addEventListener("input", ({ target }) => target !== group && greet());

// The group that is filled in is a proposal: to type replaces it.
const group = /** @type {HTMLInputElement} */ (byId("group"));
let wasAway = false;
group.addEventListener("mousedown", () => (wasAway = document.activeElement !== group));
group.addEventListener("click", () => wasAway && group.select());
group.addEventListener("focus", () => group.select());

/** @param {(values: Values) => void} join Called with what the user has filled in. */
export function onJoin(join) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, `${value}`.trim()]));
    const faults = Object.entries(faultsOf(values));
    const [wrong, fault] = faults.find(([, fault]) => fault) ?? [];
    for (const [name] of faults) field(name).setAttribute("aria-invalid", `${name === wrong}`);
    byId("join-error").textContent = wrong ? `${nameOf(wrong)} ${fault}.` : "";
    if (wrong) {
      if (wrong !== "group" && wrong !== "name") byId("connection").setAttribute("open", "");
      return field(wrong).focus();
    }
    write("localStorage", NAME_KEY, values.name);
    const { group, name, endpoint, token, userId } = values;
    join({ group, name, endpoint, token, givenId: userId, userId: userId || name });
  });
}

// What looks the same is the same group and user, however it is typed. A link may name a group that another program made:
// what it fills in stays as it is, because it changes no field.
form.addEventListener("change", ({ target }) => {
  const typed = /** @type {HTMLInputElement} */ (target);
  typed.value = typed.value.normalize();
});

/** What is wrong with each value. @param {Record<string, string>} values */
const faultsOf = ({ group, name, endpoint, userId }) => ({
  group: faultOf(group, isId, "is too long"),
  name: faultOf(name, isId, "is too long"),
  endpoint: faultOf(endpoint, isUrl, "must begin with wss:// or ws://, and have no spaces and no #"),
  userId: faultOf(userId || name, isId, "is too long"),
});

/** What the form calls a field. @param {string} name */
const nameOf = (name) => field(name).labels?.[0].textContent?.split(",")[0];

/** @param {string} name @returns {HTMLInputElement} */
const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/** @param {string} name @param {string | null | undefined} value */
function fill(name, value) {
  field(name).value = value ?? "";
}

/** @type {Promise<string> | undefined} */
let own;
/** The endpoint that the page was served with. Empty if there is none. */
export const ownEndpoint = () => (own ??= configuredEndpoint());

async function configuredEndpoint() {
  try {
    const response = await fetch("config.json");
    return response.ok ? (await response.json()).endpoint : "";
  } catch {
    return "";
  }
}
