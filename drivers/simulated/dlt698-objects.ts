import {
  clockRegister,
  addressRegister,
  broadcastClockMethod,
  darOk,
  readMoment,
  type Apdu,
  type Column,
  type Data,
  type GetResult,
  type MeterObjects,
  type RecordResult,
  type Selector,
} from '../../src/protocols/dlt698/index.js'
import { BroadcastClock } from './broadcast-clock.js'
import { attributeOf, objectData } from './dlt698-attributes.js'
import { recordRows } from './dlt698-records.js'
import { displayMs } from './freeze-registers.js'
import type { MeterBody } from './speaker.js'

/** Access results (facts §2.4). */
const dar = { denied: 3, absent: 6, type: 7, range: 8, unauthorised: 15, security: 20 } as const

/** Whether a meter answers a request to anybody who asks: address and clock were read so on meters that refuse the rest (facts §3). */
export function isPlainlyRead(request: Apdu): boolean {
  return request.kind === 'get-one' && (request.oad === addressRegister || request.oad === clockRegister)
}

/** The objects of a DL/T 698.45 meter: what it measures, keeps and obeys. */
export class Dlt698Objects implements MeterObjects {
  readonly #body: MeterBody
  readonly #clock: BroadcastClock

  constructor(body: MeterBody) {
    this.#body = body
    this.#clock = new BroadcastClock(body.physics)
  }

  /** The same meter for somebody who has to show more than a plain request. */
  locked(): MeterObjects {
    return {
      get: () => ({ kind: 'dar', dar: dar.security }),
      record: () => ({ kind: 'dar', dar: dar.security }),
      set: () => dar.security,
      act: () => ({ dar: dar.security, data: null }),
    }
  }

  get(oad: string): GetResult {
    const data = objectData(this.#body, oad)
    return data === null ? { kind: 'dar', dar: dar.absent } : { kind: 'data', data }
  }

  record(oad: string, selector: Selector, columns: readonly Column[]): RecordResult['result'] {
    const { noFreezes, noProfile } = this.#body.options.quirks
    const isCurve = oad.startsWith('5002')
    if (attributeOf(oad) !== 2 || (isCurve ? noProfile : noFreezes)) return { kind: 'dar', dar: dar.absent }
    const rows = recordRows(this.#body, { oad, selector, columns })
    if (rows === 'absent') return { kind: 'dar', dar: dar.absent }
    return rows === 'bad-selector' ? { kind: 'dar', dar: dar.range } : { kind: 'rows', rows }
  }

  set(oad: string, data: Data): number {
    if (oad !== clockRegister) return objectData(this.#body, oad) === null ? dar.absent : dar.denied
    if (this.#body.options.quirks.needsSecurityChip) return dar.unauthorised
    const wanted = momentIn(data)
    if (wanted === null) return dar.type
    this.#body.physics.setClock(wanted)
    return darOk
  }

  act(omd: string, data: Data): { readonly dar: number; readonly data: Data | null } {
    return { dar: this.#act(omd, data), data: null }
  }

  #act(omd: string, data: Data): number {
    const { physics, clock, relay, options } = this.#body
    if (omd === broadcastClockMethod) {
      const wanted = momentIn(data)
      if (wanted === null) return dar.type
      this.#clock.set(wanted, clock.localAt(physics.at))
      return darOk
    }
    const order = orderOf(omd, data)
    if (order === 'absent') return dar.absent
    if (order === 'type') return dar.type
    if (options.quirks.needsSecurityChip) {
      relay.refuse(order, 'not-authorised', physics.at)
      return dar.unauthorised
    }
    const verdict = relay.order(order, 0, physics.at)
    this.#body.moved()
    return verdict.accepted ? darOk : dar.denied
  }
}

type Order = 'trip' | 'permit-to-close' | 'close' | 'alarm-on' | 'alarm-off' | 'protect-on' | 'protect-off'

/** Methods of 8000 and 8001 (facts §4.6). */
function orderOf(omd: string, data: Data): Order | 'absent' | 'type' {
  switch (omd) {
    case '80008100':
      return firstFields(data)?.length === 4 ? 'trip' : 'type'
    case '80008200': {
      const [, how] = firstFields(data) ?? []
      if (how?.type !== 'enum') return 'type'
      return how.value === 1 ? 'close' : 'permit-to-close'
    }
    case '80007F00':
      return 'alarm-on'
    case '80008000':
      return 'alarm-off'
    case '80017F00':
      return 'protect-on'
    case '80018000':
      return 'protect-off'
    default:
      return 'absent'
  }
}

/** Fields of the first structure of an array. */
function firstFields(data: Data): readonly Data[] | null {
  const [first] = data.type === 'array' ? data.items : []
  return first?.type === 'structure' ? first.items : null
}

function momentIn(data: Data): number | null {
  const time = data.type === 'date_time_s' ? readMoment(data.hex) : null
  return time === null ? null : displayMs(time)
}
