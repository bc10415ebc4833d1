/** The link that leads others to the shown group. */
import { byId, showText } from "./elements.js";
import { ownEndpoint } from "./join-form.js";

const field = /** @type {HTMLInputElement} */ (byId("invite-link"));

/** @param {string} groupId @param {string} endpoint What the page is connected to. */
export async function inviteTo(groupId, endpoint) {
  field.hidden = true;
  field.value = "";
  showText(byId("invite-said"), "");
  const own = await ownEndpoint();
  const link = new URL(location.pathname, location.href);
  link.searchParams.set("group", groupId);
  if (endpoint !== own) link.searchParams.set("endpoint", withoutQuery(endpoint));
  field.value = link.href;
}

/** A person may have pasted an address with a token in it. @param {string} endpoint */
const withoutQuery = (endpoint) => endpoint.replace(/\?.*/s, "");

byId("invite").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(field.value);
    field.hidden = true;
    showText(byId("invite-said"), "Link copied.");
  } catch {
    // Only pages on https and on this machine have a clipboard, and the user may have blocked it.
    field.hidden = false;
    field.select();
    showText(byId("invite-said"), "Copy this link:");
  }
});
