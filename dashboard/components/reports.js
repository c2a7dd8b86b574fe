// What a person does is reported to Python as state, under numbers that rise (reports.py): state is sent again with every message, so
// that no report is lost, and Python takes each number once. What Python has not taken yet is what the person sees.

/** @import { Channel } from "./channel.ts" */

// On the window and by the component's key: a component that is mounted anew while the page is drawn goes on with its numbers.
window.scenescopeReports ??= new Map()
const channels = window.scenescopeReports

/**
 * The reports of a component under one name; `setStateValue` is the component's own.
 * @template T
 * @param {string} key
 * @param {string} name
 * @param {(name: any, reports: any) => void} setStateValue
 * @returns {Channel<T>}
 */
export function openChannel(key, name, setStateValue) {
  const known = /** @type {Channel<T> | undefined} */ (channels.get(`${key}/${name}`))
  const channel = known ?? { revision: 0, taken: 0, reports: [], send: () => {} }
  channels.set(`${key}/${name}`, /** @type {Channel<unknown>} */ (channel))
  channel.send = reports => setStateValue(name, reports)
  return channel
}

/**
 * Report a value; with `isWhole` it says all that the reports before it said.
 * @template T
 * @param {Channel<T>} channel
 * @param {T} value
 * @param {boolean} isWhole
 */
export function report(channel, value, isWhole) {
  channel.revision += 1
  const waiting = isWhole ? [] : channel.reports.filter(one => one.revision > channel.taken)
  channel.reports = [...waiting, { value, revision: channel.revision }]
  channel.send(channel.reports)
}

/**
 * Note the number of the last report that Python took; the value of the last report, if Python has yet to take it.
 * @template T
 * @param {Channel<T>} channel
 * @param {number} taken
 * @returns {T | undefined}
 */
export function waitingValue(channel, taken) {
  channel.taken = taken
  channel.revision = Math.max(channel.revision, taken)
  const last = channel.reports.at(-1)
  return last && last.revision > taken ? last.value : undefined
}
