import type { RelayCommand } from '../../model/index.js'

/** Every command of service 1CH. A `RelayCommand` never closes directly and never comes back by itself. */
export type RelayWord = RelayCommand | 'close' | 'trip-then-close' | 'trip-then-permit'

/** The byte N1 of a command. */
export function relayCode(word: RelayWord): number {
  return relayCodes[word]
}

/** The command of a byte N1; null when the standard has none. */
export function relayWord(code: number): RelayWord | null {
  return relayWords.find((word) => relayCodes[word] === code) ?? null
}

/** Facts §6.8. */
const relayCodes: Readonly<Record<RelayWord, number>> = {
  trip: 0x1a,
  'permit-to-close': 0x1b,
  close: 0x1c,
  'trip-then-close': 0x1d,
  'trip-then-permit': 0x1e,
  'alarm-on': 0x2a,
  'alarm-off': 0x2b,
  'protect-on': 0x3a,
  'protect-off': 0x3b,
}

/** All commands. */
export const relayWords: readonly RelayWord[] = [
  'trip',
  'permit-to-close',
  'close',
  'trip-then-close',
  'trip-then-permit',
  'alarm-on',
  'alarm-off',
  'protect-on',
  'protect-off',
]
