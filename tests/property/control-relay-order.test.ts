import fc from 'fast-check'
import t from 'tap'
import { accountId, epochMs, meterId, type JournalledOrder, type OrderStage } from '../../src/model/index.js'
import { attemptsMax, startRelayOrder, stepRelayOrder, type RelayInput, type RelayOrder } from '../../src/control/relay-order.js'

const runs = process.env['WATTKEEP_FULL'] === '1' ? 100_000 : 1000
t.setTimeout(900_000)
const expiryMs = 600_000

/** What the world does at each turn, and whether the process dies after it. */
const turn = fc.record({
  /** Whether a request leaves at all, reaches the meter, and whether its answer comes back. */
  leaves: fc.boolean(),
  arrives: fc.boolean(),
  answers: fc.boolean(),
  refuses: fc.nat(12).map((value) => value === 0),
  reads: fc.boolean(),
  restarts: fc.nat(6).map((value) => value === 0),
  withdraws: fc.nat(10).map((value) => value === 0),
})
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never

/** A meter, a journal as the store keeps it, and the order on its way. */
class Drill {
  now = 0
  stage: OrderStage = 'journalled'
  attempts = 0
  /** Requests that left. */
  left = 0
  isOpen = false
  /** Requests that acted while the relay was already open, or after the order's time. */
  wrongs: string[] = []
  order: RelayOrder = this.#start()

  #start(): RelayOrder {
    const journalled: JournalledOrder = {
      id: 1,
      order: {
        origin: { by: 'rule', account: accountId('A1'), number: 1 },
        role: 'master',
        body: { kind: 'disconnect', meter: meterId('M1') },
        notBefore: epochMs(0),
        expiry: epochMs(expiryMs),
      },
      stage: this.stage,
      attempts: this.attempts,
      evidence: {},
    }
    return startRelayOrder(journalled, 'trip', epochMs(this.now))
  }

  play(turn: Turn): boolean {
    const { step } = this.order
    this.now += step.kind === 'read' || step.kind === 'wait' ? step.afterMs + 100 : 100
    if (step.kind === 'finish') {
      this.stage = step.stage
      if (step.stage === 'done' && !this.isOpen) this.wrongs.push('done although the relay is closed')
      if (step.stage === 'expired' && this.isOpen) this.wrongs.push('expired although the relay opened')
      return false
    }
    if (step.kind === 'drop') return false
    this.order = stepRelayOrder(this.order, this.#answer(step, turn), epochMs(this.now))
    if (turn.restarts) this.order = this.#start()
    return true
  }

  #answer(step: Exclude<RelayOrder['step'], { readonly kind: 'finish' | 'drop' }>, turn: Turn): RelayInput {
    switch (step.kind) {
      case 'commit':
        if (turn.withdraws) return { kind: 'withdrawn' }
        ;[this.stage, this.attempts] = ['sending', this.attempts + (step.again ? 0 : 1)]
        return { kind: 'committed' }
      case 'send':
        return { kind: 'sent', outcome: this.#send(turn) }
      case 'wait':
        return { kind: 'waited' }
      case 'read':
        return { kind: 'read', state: this.#read(turn) }
      case 'tell-unknown':
        this.stage = 'unknown'
        return { kind: 'told' }
    }
  }

  #send({ leaves, arrives, answers, refuses }: Turn): Extract<RelayInput, { kind: 'sent' }>['outcome'] {
    if (this.isOpen) this.wrongs.push('sent to a relay that had opened by the same order')
    if (!leaves) return { kind: 'not-sent' }
    this.left += 1
    if (this.left > this.attempts) this.wrongs.push('more requests left than the journal knows of')
    if (arrives && refuses && answers) return { kind: 'refused', errors: [], needsSecurityChip: false, frame: '' }
    if (arrives && !refuses) this.isOpen = true
    return arrives && answers ? { kind: 'accepted', frame: '', detail: [] } : { kind: 'unknown', reason: 'no-reply' }
  }

  #read({ reads }: Turn): Extract<RelayInput, { kind: 'read' }>['state'] {
    if (!reads) return { kind: 'unreadable', error: { code: 'no-reply', retry: 'later', errors: [], message: '', frame: null } }
    const [contact, command] = this.isOpen ? (['open', 'trip'] as const) : (['closed', 'close'] as const)
    return { kind: 'known', contact, command, alarm: false, protected: false, word: '' }
  }
}

await t.test('whatever is lost and whenever the process dies, an order acts once and its end is the truth', async (t) => {
  let finished = 0
  fc.assert(
    fc.property(fc.array(turn, { minLength: 30, maxLength: 120 }), (turns) => {
      const drill = new Drill()
      const isOver = turns.some((each) => !drill.play(each))
      if (isOver) finished += 1
      if (drill.order.step.kind === 'finish' && drill.order.attempts < drill.left) drill.wrongs.push('its end hides an attempt')
      if (drill.attempts > attemptsMax) drill.wrongs.push(`${drill.attempts} attempts`)
      if (drill.wrongs.length > 0) throw new Error(drill.wrongs.join('; '))
    }),
    { numRuns: runs },
  )
  t.ok(finished > runs / 2, `${finished} orders came to their end`)
})
