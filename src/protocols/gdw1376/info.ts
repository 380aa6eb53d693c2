import { join, record, u8, type ValueOf } from './layouts.js'
import { bit, bits, word } from './words.js'

/** Bytes of the information field. */
export const infoBytes = 6

/**
 * Information field to the module (facts §2.2). `bypassRouter`: past the module's routing. `subNodeFlag`: the target is an attached
 * node. `moduleFlag`: for a meter, so the frame has an address field. `relayLevel`: relay addresses in it. `channel`: 0 = any.
 * `channelCoding`: 0 none, 1 RS. `expectedReplyBytes`: 0 = default. `rate`: 0 = default; `rateUnit`: 0 bit/s, 1 kbit/s.
 */
export const downInfo = join(
  word(1, { bypassRouter: bit(0), subNodeFlag: bit(1), moduleFlag: bit(2), collisionDetect: bit(3), relayLevel: bits(4, 4) }),
  word(1, { channel: bits(0, 4), channelCoding: bits(4, 4) }),
  record({ expectedReplyBytes: u8 }),
  word(2, { rate: bits(0, 15), rateUnit: bits(15, 1) }),
  record({ sequence: u8 }),
)
export type DownInfo = ValueOf<typeof downInfo>

/**
 * Information field from the module (facts §2.3). `relayLevel`: relays the command took; it adds no addresses. `phase`: 0 unknown,
 * 1–3 = A–C. `meterChannelFeature`: 0 RF, 1 one phase to one, 2 one to three, 3 three to three (4 is seen). Qualities: 0 none,
 * 1–15, 15 best. `eventFlag`: the meter has events to fetch. `sequence`: an answer repeats the request's.
 */
export const upInfo = join(
  word(1, { bypassRouter: bit(0), moduleFlag: bit(2), relayLevel: bits(4, 4) }),
  word(1, { channel: bits(0, 4) }),
  word(1, { phase: bits(0, 4), meterChannelFeature: bits(4, 4) }),
  word(1, { commandQuality: bits(0, 4), replyQuality: bits(4, 4) }),
  word(1, { eventFlag: bit(0) }),
  record({ sequence: u8 }),
)
export type UpInfo = ValueOf<typeof upInfo>
