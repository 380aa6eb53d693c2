import { authorise, originText } from '../control/envelope.js'
import type { InputError, KeyId, OrderBody, ParameterName, RegisteredKey, Result } from '../model/index.js'
import type { Clock, Log, OrderIntake, OrderRefusal, Store, StoreCommands } from '../ports/index.js'
import type { StampSource } from './stamps.js'

type Accepted = Extract<StoreCommands['journal-order']['out'], { accepted: true }>

export interface OrderIntakeOptions {
  readonly concentrator: string
  /** Keys in force now: the masters' from the settings, the technicians' from the last parameter set. */
  readonly keys: () => readonly RegisteredKey[]
  readonly clock: Clock
  readonly stamps: StampSource
  readonly store: Store
  readonly log: Log
  /** Judges a parameter set against everything else in force before it is journalled: a bad set is refused whole. */
  readonly checkParameters: (name: ParameterName, body: unknown) => Result<unknown, InputError>
  /** What follows from a journalled order: effects of the same transaction, parameters now in force, the order itself. */
  readonly onAccepted: (accepted: Accepted) => Promise<void>
}

/** Orders waiting behind the one that is judged; more are refused with `conflict` and may be sent again. */
const waitingMax = 256

/**
 * The one way in for orders, from the uplink and the console alike: authorise, then journal (money and parameters take effect
 * in that same transaction), then hand on. Orders are judged one after another, so two with one number cannot both pass.
 * What is refused is an event.
 *
 * @param counters the last journalled number of each key, as the store keeps them
 */
export function createOrderIntake(options: OrderIntakeOptions, counters: Readonly<Record<string, number>>): OrderIntake {
  const last = new Map<string, number>(Object.entries(counters))
  let tail: Promise<unknown> = Promise.resolve()
  let waiting = 0

  const refuse = async (code: OrderRefusal, message: string, origin: string) => {
    options.log.warn('order-refused', { code, message, origin })
    await options.store.run('refuse-order', { code, message, origin, stamp: options.stamps.now() })
    return refusal(code, message)
  }

  const judge = async (envelope: string, by: 'uplink' | 'console'): ReturnType<OrderIntake> => {
    const judged = authorise(envelope, {
      concentrator: options.concentrator,
      keys: options.keys(),
      lastNumberOf: (key: KeyId) => last.get(key) ?? 0,
      now: options.clock.wall(),
      by: by === 'uplink' ? 'master' : 'console',
    })
    if (!judged.ok) return refuse(judged.error.code, judged.error.message, originText(judged.error))
    const order = judged.value
    const origin = order.origin.by === 'rule' ? 'rule' : originText({ key: order.origin.key, number: order.origin.number })
    const problem = problemOf(order.body, options)
    if (problem !== null) return refuse('invalid', `${problem.at}: ${problem.message}`, origin)
    const reply = await options.store.run('journal-order', { order, envelope, stamp: options.stamps.now() })
    if (order.origin.by !== 'rule') last.set(order.origin.key, Math.max(order.origin.number, last.get(order.origin.key) ?? 0))
    if (!reply.accepted) {
      options.log.warn('order-refused', { code: reply.code, message: reply.message, origin })
      return refusal(reply.code, reply.message)
    }
    options.log.info('order-journalled', { order: reply.order.id, kind: order.body.kind, origin })
    await options.onAccepted(reply)
    return { accepted: true, id: reply.order.id }
  }

  return (envelope, by) => {
    if (waiting >= waitingMax) return Promise.resolve(refusal('conflict', `${waitingMax} orders are waiting already`))
    waiting += 1
    const turn = tail.then(() => judge(envelope, by)).finally(() => (waiting -= 1))
    tail = turn.catch(() => undefined)
    return turn
  }
}

const refusal = (code: OrderRefusal, message: string) => ({ accepted: false as const, code, message })

function problemOf(body: OrderBody, options: OrderIntakeOptions): InputError | null {
  if (body.kind !== 'set-parameters') return null
  const parsed = options.checkParameters(body.name, body.body)
  return parsed.ok ? null : parsed.error
}
