import type { RadioModuleChoice } from '../../drivers/wireless/index.js'
import { radioKind } from '../../drivers/wireless/radio-module.js'
import { moduleBench, type BenchOptions, type ModuleBench } from './module-bench.js'
import { addressBytes, moduleFrame, word, type Misdeed, type ModuleRequest } from './scripted-module.js'

/** What a micro-power radio module does otherwise, written from the facts page, section 5. */
export interface RadioHabits {
  scale: number
  channelGroup: number
  power: number
  /** Relay level of each node of its network, by address; 15 or absent: not in it. */
  readonly network: Map<string, number>
  /** Busy until then, ms: a 13F1 is dropped without a word. */
  busyUntil: number
  /** 13F1 that it dropped. */
  dropped: number
  /** Nodes in one frame of its list; frames come 500 ms apart. */
  frameNodes: number
  /** Before all else. */
  misbehave: (request: ModuleRequest) => Misdeed
}

export type RadioBench = ModuleBench & { readonly radio: RadioHabits }

/** A radio module's bus in virtual time; 2026-05-01, 08:00 local time. */
export function radioModuleBench(options: BenchOptions & { readonly radioChoice?: Partial<RadioModuleChoice> } = {}): RadioBench {
  const { radioChoice, ...others } = options
  const bench = moduleBench({
    ...others,
    module: { medium: 3, led: 1, nodesMax: 512, frameBytesMax: 255, slaveTimeoutS: 20, ...others.module },
    kind: radioKind({
      reading: 'auto',
      window: null,
      mainNode: null,
      reports: true,
      channelGroup: null,
      power: null,
      scale: null,
      ...radioChoice,
    }),
  })
  const radio: RadioHabits = {
    scale: 256,
    channelGroup: 11,
    power: 0,
    network: new Map(),
    busyUntil: 0,
    dropped: 0,
    frameNodes: 20,
    misbehave: () => null,
  }
  bench.module.misbehave = (request) => radio.misbehave(request) ?? habitual(bench, radio, request)
  return { ...bench, radio }
}

function habitual(bench: ModuleBench, radio: RadioHabits, request: ModuleRequest): Misdeed {
  const { sequence, data } = request
  const say = (afn: number, fn: number, bytes: readonly number[]): Misdeed => ({
    say: moduleFrame({ control: 0x8a, sequence, afn, fn, data: bytes }),
  })
  const confirm = (): Misdeed => say(0x00, 1, [0xff, 0xff, 0xff, 0xff, 0, 0])
  switch (`${request.afn.toString(16)} ${request.fn}`) {
    case '3 8':
      return say(0x03, 8, [radio.channelGroup, radio.power])
    case '5 5':
      if (data[0] !== 255) radio.channelGroup = data[0] ?? 0
      if (data[1] !== 255) radio.power = data[1] ?? 0
      return confirm()
    case '10 100':
      return say(0x10, 100, word(radio.scale))
    case '11 100':
      radio.scale = (data[0] ?? 0) + 256 * (data[1] ?? 0)
      return confirm()
    case '10 101':
      listNodes(bench, radio, request)
      return 'silent'
    case '13 1':
      if (bench.now() < radio.busyUntil) {
        radio.dropped++
        return 'silent'
      }
      radio.busyUntil = bench.now() + bench.module.options.readMs
      return null
    default:
      return null
  }
}

/** One answer in several frames: address, level and quality, four bytes that nobody describes. */
function listNodes({ module, link, time }: ModuleBench, radio: RadioHabits, { sequence, data }: ModuleRequest): void {
  const start = (data[0] ?? 0) + 256 * (data[1] ?? 0)
  const nodes = [...module.archive.keys()].slice(start - 1, start - 1 + (data[2] ?? 0))
  for (let from = 0, frame = 0; from === 0 || from < nodes.length; from += radio.frameNodes, frame++) {
    const some = nodes.slice(from, from + radio.frameNodes)
    const rows = some.flatMap((address) => [...addressBytes(address), 0x90 | (radio.network.get(address) ?? 15), 0, 0, 0, 0])
    const bytes = moduleFrame({
      control: 0x8a,
      sequence,
      afn: 0x10,
      fn: 101,
      data: [...word(module.archive.size), some.length, ...rows],
    })
    time.after(40 + frame * 500, () => link.say(bytes))
  }
}
