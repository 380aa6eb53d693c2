/** Identifiers. Each is text chosen in the site's archive or settings; the brand keeps one from being passed as another. */

declare const brand: unique symbol
type Id<Name extends string> = string & { readonly [brand]: Name }

/** A metering point of the archive. It stays when the device behind it is replaced. */
export type MeterId = Id<'MeterId'>
export type AccountId = Id<'AccountId'>
/** One physical channel: an RS-485 segment, a carrier or radio module. */
export type LinkId = Id<'LinkId'>
/** What is read, by the name the meter profiles give it: `energy`, `voltage`, `status-3`. */
export type ItemId = Id<'ItemId'>
export type TaskId = Id<'TaskId'>
/** A master station that takes in the streams. */
export type MasterId = Id<'MasterId'>
/** A registered signing key, of a master or of a technician. */
export type KeyId = Id<'KeyId'>
/** The device's own address on the bus: for DL/T 645, 12 hexadecimal digits as displayed. */
export type MeterAddress = Id<'MeterAddress'>

export const meterId = (text: string): MeterId => text as MeterId
export const accountId = (text: string): AccountId => text as AccountId
export const linkId = (text: string): LinkId => text as LinkId
export const itemId = (text: string): ItemId => text as ItemId
export const taskId = (text: string): TaskId => text as TaskId
export const masterId = (text: string): MasterId => text as MasterId
export const keyId = (text: string): KeyId => text as KeyId
export const meterAddress = (text: string): MeterAddress => text as MeterAddress
