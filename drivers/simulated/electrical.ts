import { minuteMs } from '../../src/model/index.js'
import { hash32 } from './random.js'

/** Where a meter hangs on its feeder. */
export interface FeederPoint {
  readonly seed: number
  readonly phases: 1 | 3
  /** Voltage at the transformer, 0.1 V. */
  readonly sourceDv: number
  /** Fall of voltage by the line for each kW of the meter's own load, 0.1 V. */
  readonly dropDvPerKw: number
  /** Fall by what the neighbours draw at their busiest, 0.1 V. */
  readonly neighboursDropDv: number
}

/** One phase as the registers show it: 0.1 V, mA, 0.1 W, 0.1 var, 0.1 VA, 10⁻³; power factor and flows carry the sign of the power. */
export interface PhaseValues {
  readonly voltage: number
  readonly current: number
  readonly active: number
  readonly reactive: number
  readonly apparent: number
  readonly factor: number
}

export interface Electrical {
  readonly total: PhaseValues
  /** One or three. */
  readonly phases: readonly PhaseValues[]
  /** 0.01 Hz */
  readonly frequency: number
}

/** Permille of the neighbours' busiest load for each hour. */
const neighbourHours = [
  300, 250, 230, 220, 220, 260, 400, 550, 500, 450, 450, 520, 560, 480, 450, 460, 520, 700, 920, 1000, 960, 850, 650, 430,
] as const

/** The most a signed register of XX.XXXX kW shows, 0.1 W. */
const powerMax = 799_999

/** What flows at a display time, ms, with the given active and reactive power. Steady within a minute; whole numbers throughout. */
export function electricalAt(point: FeederPoint, localMs: number, watts: number, vars: number): Electrical {
  const minute = Math.floor(localMs / minuteMs)
  const phases: PhaseValues[] = []
  for (let index = 0; index < point.phases; index++) {
    const share = point.phases === 1 ? watts : shareOf(watts, index)
    const reactive = point.phases === 1 ? vars : shareOf(vars, index)
    phases.push(phaseValues(voltageAt(point, minute, index, share), share, reactive))
  }
  const [only] = phases
  const total = phases.length === 1 && only !== undefined ? only : summed(phases)
  return { total, phases, frequency: 4995 + (hash32(0, minute, 11) % 11) }
}

function voltageAt(point: FeederPoint, minute: number, phase: number, watts: number): number {
  const hour = Math.floor(minute / 60) % 24
  const neighbours = Math.floor((point.neighboursDropDv * (neighbourHours[hour] ?? 0)) / 1000)
  const own = Math.floor((watts * point.dropDvPerKw) / 1000)
  return point.sourceDv - neighbours - own + (hash32(point.seed, minute, 12 + phase) % 21) - 10
}

/** Unequal thirds that add up. */
function shareOf(amount: number, phase: number): number {
  const first = Math.floor((amount * 38) / 100)
  const second = Math.floor((amount * 33) / 100)
  return phase === 0 ? first : phase === 1 ? second : amount - first - second
}

function phaseValues(voltage: number, watts: number, vars: number): PhaseValues {
  const active = Math.max(-powerMax, Math.min(powerMax, watts * 10))
  const reactive = Math.max(-powerMax, Math.min(powerMax, vars * 10))
  const apparent = Math.min(powerMax, Math.floor(Math.sqrt(active * active + reactive * reactive)))
  const current = voltage > 0 ? Math.min(799_999, Math.floor((apparent * 1000) / voltage)) : 0
  const factor = apparent === 0 ? 1000 : Math.trunc((active * 1000) / apparent)
  return { voltage, current: watts < 0 ? -current : current, active, reactive, apparent, factor }
}

function summed(phases: readonly PhaseValues[]): PhaseValues {
  const sum = (pick: (phase: PhaseValues) => number): number =>
    Math.max(
      -powerMax,
      Math.min(
        powerMax,
        phases.reduce((total, phase) => total + pick(phase), 0),
      ),
    )
  const active = sum((phase) => phase.active)
  const apparent = sum((phase) => phase.apparent)
  return {
    voltage: phases[0]?.voltage ?? 0,
    current: sum((phase) => phase.current),
    active,
    reactive: sum((phase) => phase.reactive),
    apparent,
    factor: apparent === 0 ? 1000 : Math.trunc((active * 1000) / apparent),
  }
}
