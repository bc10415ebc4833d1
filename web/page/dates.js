/** Days and times on this machine's calendar, as the user's language writes them. */

import { showText } from "./elements.js";

const DAY_MS = 86_400_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "short" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
/** @type {Intl.DateTimeFormatOptions} */
const long = { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" };
const thisYear = new Intl.DateTimeFormat(undefined, long);
const otherYear = new Intl.DateTimeFormat(undefined, { ...long, year: "numeric" });

/** The time of a message. Other programs may have stored an invalid one. @param {{ timestamp: string }} message */
export const timeOf = ({ timestamp }) => new Date(Date.parse(timestamp) || 0);

/** Number of a day: consecutive days have consecutive numbers. @param {Date} time */
export const dayOf = (time) => Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / DAY_MS;

export const today = () => dayOf(new Date());

/** @param {number} day Number of a day. */
export function nameOfDay(day) {
  const ago = today() - day;
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  const date = new Date(day * DAY_MS);
  return (date.getUTCFullYear() === new Date().getFullYear() ? thisYear : otherYear).format(date);
}

/** The whole date and time. @param {string} [timestamp] */
export const momentOf = (timestamp = "") => moment.format(timeOf({ timestamp }));

/** @param {HTMLTimeElement} element @param {{ timestamp: string }} message */
export function showTime(element, message) {
  fill(element, message, clock.format(timeOf(message)));
}

/** The time if it was today, else the day. @param {HTMLTimeElement} element @param {{ timestamp: string }} message */
export function showDayOrTime(element, message) {
  const time = timeOf(message);
  const ago = today() - dayOf(time);
  fill(element, message, ago <= 0 ? clock.format(time) : ago === 1 ? "Yesterday" : short.format(time));
}

/** @param {HTMLTimeElement} element @param {{ timestamp: string }} message @param {string} text */
function fill(element, message, text) {
  showText(element, text);
  element.dateTime = message.timestamp;
  element.title = momentOf(message.timestamp);
}
