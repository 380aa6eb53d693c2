import type { Random } from '../../src/ports/index.js'

/** A source of numbers that follows from its seed alone, on every machine. */
export interface SeededRandom extends Random {
  /** A whole number in 0 … 2³² − 1. */
  uint32(): number
  /** A whole number in 0 … `count` − 1; `count` at most 2³². */
  below(count: number): number
  /** True `ppm` times in a million. */
  chance(ppm: number): boolean
  /** An independent source: what it gives does not depend on how much was drawn here. */
  fork(name: string): SeededRandom
}

/** xoshiro128** over four words that splitmix32 makes of the seed; whole-number arithmetic only. */
export function seededRandom(seed: number): SeededRandom {
  let mix = seed >>> 0
  const word = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0
    return scramble(mix)
  }
  let [a, b, c, d] = [word(), word(), word(), word()]

  const uint32 = (): number => {
    const scaled = Math.imul(b, 5)
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  return {
    uint32,
    next: () => ((uint32() >>> 5) * 67_108_864 + (uint32() >>> 6)) / 9_007_199_254_740_992,
    below: (count) => Math.floor((uint32() / 4_294_967_296) * count),
    chance: (ppm) => ppm > 0 && (uint32() / 4_294_967_296) * 1_000_000 < ppm,
    fork: (name) => seededRandom(hashText(seed, name)),
  }
}

/** A well-mixed 32-bit number of three whole numbers: noise that can be asked for at any place, without state. */
export function hash32(seed: number, x: number, y = 0): number {
  return scramble((scramble((scramble((seed + 0x9e3779b9) >>> 0) + x) >>> 0) ^ Math.imul(y, 0x85ebca6b)) >>> 0)
}

/** A 32-bit seed of a seed and a name, so that parts of an area get seeds of their own. */
export function hashText(seed: number, text: string): number {
  let hash = scramble(seed >>> 0)
  for (let i = 0; i < text.length; i++) hash = scramble((Math.imul(hash, 31) + text.charCodeAt(i)) >>> 0)
  return hash
}

function scramble(value: number): number {
  let z = value
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}
