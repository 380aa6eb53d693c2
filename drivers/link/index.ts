/** Bytes in and out: serial ports and TCP serial servers. The only importer of serialport and its parsers. */
export { formatLinkUrl, parseLinkUrl, byteMsOf } from './link-url.js'
export type { LinkSpec, Parity, SerialSpec, TcpSpec } from './link-url.js'
export { fixedLengthReader } from './fixed-length.js'
export type { FixedLengthOptions, FixedLengthReader } from './fixed-length.js'
export { createLink } from './open-link.js'
export { stableNameOf } from './stable-names.js'
export { ReopeningLink } from './reopening-link.js'
export type { LinkWorld } from './reopening-link.js'
