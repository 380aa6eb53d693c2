/** What hangs at the far end of a serial line and speaks for itself: a communication module, a radio modem. */
export interface FarDevice {
  /** Wire time of one byte, ms. */
  readonly byteMs: number
  /** Bytes of the concentrator have arrived, as they came. */
  hear(bytes: Uint8Array): void
  /** Whoever carries the device's bytes; one at a time. */
  onSpeak(handler: (bytes: Uint8Array) => void): void
  /** The line was opened: a device that is fed by it starts, once. */
  powerOn(): void
  /** For good: nothing is left that would keep a process alive. */
  powerOff(): void
  /** Outgoing control lines of the port; absent: the device has none. */
  setLines?(lines: FarLines): void
}

/** Control lines of a serial port: true is asserted. */
export interface FarLines {
  readonly dtr: boolean
  readonly rts: boolean
}
