import { bitNames } from './errors.js'

/** Names of the bits of status words 1 to 7, lowest first, each said when the bit is 1; empty: without a meaning (facts §8.6). */
export const statusWordBits: readonly (readonly string[])[] = [
  [
    'switch-pulse',
    'demand-block',
    'clock-battery-low',
    'reading-battery-low',
    'active-power-reverse',
    'reactive-power-reverse',
    '',
    '',
    'control-loop-fault',
    'esam-fault',
    '',
    '',
    'program-fault',
    'memory-fault',
    'overdraft',
    'clock-fault',
  ],
  [
    'active-reverse-a',
    'active-reverse-b',
    'active-reverse-c',
    '',
    'reactive-reverse-a',
    'reactive-reverse-b',
    'reactive-reverse-c',
  ],
  [
    'day-tables-set-2',
    'supply-auxiliary',
    'supply-battery',
    'programming-permitted',
    'relay-open',
    'zones-set-2',
    'relay-command-trip',
    'pre-trip-alarm',
    'energy-prepaid',
    'money-prepaid',
    'prices-set-2',
    'steps-set-2',
    'power-protection',
    'identity-authenticated',
    'local-account-not-opened',
    'remote-account-not-opened',
  ],
  phaseBits('a'),
  phaseBits('b'),
  phaseBits('c'),
  [
    'voltage-sequence-reverse',
    'current-sequence-reverse',
    'voltage-imbalance',
    'current-imbalance',
    'auxiliary-supply-lost',
    'power-down',
    'demand-over-limit',
    'power-factor-low',
    'current-imbalance-severe',
    'cover-open',
    'terminal-cover-open',
  ],
]

/** What status word 3 says of the relay. */
export interface RelayWord3 {
  readonly contact: 'closed' | 'open'
  readonly command: 'close' | 'trip'
  readonly alarm: boolean
  /** Only 2013 meters have this bit; older ones always say false (facts §8.6). */
  readonly protected: boolean
}

/**
 * The relay's state in status word 3: bit 4 is the contact, bit 6 the command. They differ while a trip is delayed or while a
 * permission to close waits for the button.
 */
export function relayOfStatusWord(word: number): RelayWord3 {
  const isSet = (bit: number) => ((word >>> bit) & 1) === 1
  return {
    contact: isSet(4) ? 'open' : 'closed',
    command: isSet(6) ? 'trip' : 'close',
    alarm: isSet(7),
    protected: isSet(12),
  }
}

/** Names of the set bits of status word `index` (1 … 7). */
export function statusNames(index: number, word: number): readonly string[] {
  return bitNames(word, statusWordBits[index - 1] ?? [])
}

function phaseBits(phase: string): readonly string[] {
  const names = [
    'voltage-loss',
    'under-voltage',
    'over-voltage',
    'current-loss',
    'over-current',
    'overload',
    'power-reverse',
    'phase-break',
    'current-break',
  ]
  return names.map((name) => `${name}-${phase}`)
}
