/** What of a radio decides how long bytes take through the air. */
export interface AirPace {
  readonly airBitsPerSecond: number
  /** Preamble, header and check of each packet, as bytes at the air rate. */
  readonly packetOverheadBytes: number
  /** Preamble that wakes a sleeping receiver, before each packet that we send; 0: receivers listen always. */
  readonly wakeUpMs: number
}

/** The wires at both ends of the air. */
export interface WirePace {
  /** Of our own modem's wire, ms a byte; 0 where it is not known. */
  readonly byteMs: number
  /** Of the wire between the far modem and its meter. */
  readonly farByteMs: number
}

/** The modem cuts what it is given into packets of so many bytes at most. @source maker's manual of the E32 modules, normal mode */
export const packetBytes = 58
/** The modem takes a pause of so many bytes for the end of what it was given. @source the same */
const pauseBytes = 3
/** Between the end of a packet in the air and its first byte on the receiver's wire. @source the same: 5 ms */
const handOverMs = 5

/** Packets that carry so many bytes. */
export const packetsOf = (bytes: number): number => Math.ceil(bytes / packetBytes)

/** Time in the air of one packet that carries so many bytes, without a wake-up. */
export function packetMs(bytes: number, pace: AirPace): number {
  return ((bytes + pace.packetOverheadBytes) * 8_000) / pace.airBitsPerSecond
}

/** Time in the air of all packets that carry so many bytes of ours: this is what a duty cycle counts. */
export function airMs(bytes: number, pace: AirPace): number {
  const packets = packetsOf(bytes)
  return ((bytes + packets * pace.packetOverheadBytes) * 8_000) / pace.airBitsPerSecond + packets * pace.wakeUpMs
}

/** From the first byte given to a modem on a wire of `byteMs` a byte until the last packet has gone through the air. */
export function sendingMs(bytes: number, byteMs: number, pace: AirPace): number {
  let endMs = 0
  for (let given = 0; given < bytes;) {
    const carried = Math.min(packetBytes, bytes - given)
    given += carried
    // A short packet leaves when the pause has shown that no more comes; a full one at once, while more is taken in.
    const readyMs = (given + (carried < packetBytes ? pauseBytes : 0)) * byteMs
    endMs = Math.max(endMs, readyMs) + pace.wakeUpMs + packetMs(carried, pace)
  }
  return endMs
}

/** From the first byte of our request until the meter has heard the last. */
export function requestMs(bytes: number, wires: WirePace, pace: AirPace): number {
  return sendingMs(bytes, wires.byteMs, pace) + handOverMs + bytes * wires.farByteMs
}

/** From the first byte that the meter says until the first byte on our wire, for a reply of so many bytes. */
export function firstPacketMs(replyBytes: number, wires: WirePace, pace: AirPace): number {
  const carried = Math.min(packetBytes, replyBytes)
  const pauseMs = carried < packetBytes ? pauseBytes * wires.farByteMs : 0
  return carried * wires.farByteMs + pauseMs + packetMs(carried, pace) + handOverMs + wires.byteMs
}

/** The longest time between two packets of one reply, for a far modem that sends a packet before it takes in the next. */
export function betweenPacketsMs(wires: WirePace, pace: AirPace): number {
  return (packetBytes + pauseBytes) * wires.farByteMs + packetMs(packetBytes, pace) + handOverMs + wires.byteMs
}
