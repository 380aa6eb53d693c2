import { hash32 } from './random.js'

/** Power drawn in each quarter hour of true local time, counted from 1970: watts, negative where the customer generates. */
export interface LoadShape {
  wattsAt(quarter: number): number
}

export const loadKinds = ['residential', 'commercial', 'generation', 'constant'] as const
export type LoadKind = (typeof loadKinds)[number]

export interface LoadOptions {
  readonly kind: LoadKind
  readonly seed: number
  /** Power at the top of the day without noise, watts; for `constant`, the power. */
  readonly peakWatts: number
}

/** The same options give the same power at the same quarter, in whole watts, on every machine. */
export function loadShape(options: LoadOptions): LoadShape {
  switch (options.kind) {
    case 'residential':
      return { wattsAt: (quarter) => residentialWatts(options, quarter) }
    case 'commercial':
      return { wattsAt: (quarter) => commercialWatts(options, quarter) }
    case 'generation':
      return { wattsAt: (quarter) => -generationWatts(options, quarter) }
    case 'constant':
      return { wattsAt: () => options.peakWatts }
  }
}

/** What a supply meter sees of the meters behind it, with the lines' loss in millionths. */
export function sumOfLoads(shapes: readonly LoadShape[], lossPpm: number): LoadShape {
  return {
    wattsAt: (quarter) => {
      const watts = shapes.reduce((sum, shape) => sum + shape.wattsAt(quarter), 0)
      return watts + Math.floor((Math.abs(watts) * lossPpm) / 1_000_000)
    },
  }
}

const quartersPerDay = 96
const kettleWatts = 1800

/** Permille of the peak for each hour: a flat on a working day. */
const residentialHours = [
  220, 180, 160, 150, 150, 180, 320, 480, 430, 350, 330, 420, 470, 380, 340, 350, 420, 600, 850, 1000, 950, 800, 560, 340,
] as const
/** A shop that opens at eight and closes at nine. */
const commercialHours = [
  110, 100, 100, 100, 100, 110, 150, 380, 800, 930, 980, 1000, 960, 940, 970, 980, 960, 900, 860, 820, 700, 380, 180, 130,
] as const
/** A roof of panels. */
const sunHours = [0, 0, 0, 0, 0, 0, 40, 180, 400, 620, 820, 950, 1000, 960, 840, 640, 400, 170, 30, 0, 0, 0, 0, 0] as const

function residentialWatts(options: LoadOptions, quarter: number): number {
  const base = interpolated(residentialHours, quarter)
  const day = Math.floor(quarter / quartersPerDay)
  const dayPermille = 800 + (hash32(options.seed, day, 1) % 401)
  const noisePermille = 600 + (hash32(options.seed, quarter, 2) % 801)
  const isRestday = isWeekend(day) && quarter % quartersPerDay > 36
  const watts = scaled(options.peakWatts, base, dayPermille, noisePermille)
  const kettle = hash32(options.seed, quarter, 3) % 1000 < base / 12 ? Math.floor(kettleWatts / 4) : 0
  return watts + (isRestday ? Math.floor(watts / 5) : 0) + kettle
}

function commercialWatts(options: LoadOptions, quarter: number): number {
  const day = Math.floor(quarter / quartersPerDay)
  const base = interpolated(commercialHours, quarter)
  const noisePermille = 900 + (hash32(options.seed, quarter, 4) % 201)
  return scaled(options.peakWatts, base, isWeekend(day) ? 650 : 1000, noisePermille)
}

function generationWatts(options: LoadOptions, quarter: number): number {
  const day = Math.floor(quarter / quartersPerDay)
  const skyPermille = 300 + (hash32(options.seed, day, 5) % 701)
  const cloudPermille = 700 + (hash32(options.seed, quarter, 6) % 301)
  return scaled(options.peakWatts, interpolated(sunHours, quarter), skyPermille, cloudPermille)
}

function scaled(peakWatts: number, base: number, first: number, second: number): number {
  return Math.floor((peakWatts * base * first * second) / 1_000_000_000)
}

function interpolated(hours: readonly number[], quarter: number): number {
  const ofDay = quarter % quartersPerDay
  const here = hours[ofDay >> 2] ?? 0
  const next = hours[((ofDay >> 2) + 1) % 24] ?? 0
  return here + Math.floor(((next - here) * (ofDay & 3)) / 4)
}

/** 1970-01-01 was a Thursday. */
function isWeekend(day: number): boolean {
  const weekday = (day + 4) % 7
  return weekday === 0 || weekday === 6
}
