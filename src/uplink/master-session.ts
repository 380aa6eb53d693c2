import { epochMs, streams } from '../model/index.js'
import type { EventFact, MasterId, Stream } from '../model/index.js'
import { bytesUnderWay } from '../outbox/index.js'
import type { StoreCommandName, StoreCommands, UplinkState } from '../ports/index.js'
import { openBroker, versionAfter } from './broker.js'
import type { BrokerSettings, TlsMemory } from './broker.js'
import { spend } from './event-budget.js'
import type { EventBudget } from './event-budget.js'
import { ackSchema, messageVersion, parseMessage } from './messages.js'
import type { StateMessage } from './messages.js'
import { openMqttLink } from './mqtt-link.js'
import type { MqttLink } from './mqtt-link.js'
import { createSession, step, wakeAt } from './session.js'
import type { Effect, Input, Session, SessionSettings } from './session-state.js'
import type { MasterSettings } from './settings.js'
import { topicsOf } from './topics.js'
import { stampOf } from './uplink.js'
import type { UplinkOptions } from './uplink.js'

/** An order that is not journalled by then no longer holds up what comes behind it. */
const intakeMaxMs = 30_000
/** Longest downlink message the broker may send us: the longest envelope and its packet. */
const downlinkBytesMax = 2_200_000

/** Carries out what the session machine wants: sockets, the store, timers. It decides nothing itself. */
export class MasterSession {
  readonly master: MasterId
  readonly #options: UplinkOptions
  readonly #settings: SessionSettings
  readonly #keepAliveS: number
  readonly #brokers: readonly { settings: BrokerSettings; memory: TlsMemory; version: 5 | 4 }[]
  readonly #inputs: Input[] = []
  readonly #marks: Record<Stream, number>
  #session: Session
  #link: MqttLink | null = null
  #budget: EventBudget = new Map()
  #cancelWake: () => void = () => undefined
  #isStepping = false
  #onStopped: (() => void) | null = null

  constructor(master: MasterSettings, options: UplinkOptions) {
    const { concentrator, software, pace } = options.settings
    this.master = master.master
    this.#options = options
    this.#keepAliveS = master.keepAliveS ?? options.settings.keepAliveS
    this.#brokers = master.brokers.map((settings) => ({
      settings,
      memory: { session: undefined },
      version: settings.version === 'auto' ? 5 : settings.version,
    }))
    this.#settings = {
      ...pace,
      ...master.pace,
      topics: topicsOf(concentrator),
      master: master.master,
      software,
      brokerCount: master.brokers.length,
    }
    this.#marks = { event: 0, ledger: 0, result: 0, freeze: 0, status: 0, curve: 0 }
    this.#session = createSession(this.#settings, options.clock.monotonic())
  }

  start(): void {
    this.#run('cursors', { master: this.master }, ({ cursors }) => {
      for (const { stream, upTo } of cursors) this.#marks[stream] = Math.max(this.#marks[stream], upTo)
    })
    this.feed({ kind: 'start' })
  }

  /** Takes in one input and everything that follows from it at once. */
  feed(input: Input): void {
    this.#inputs.push(input)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const context = { settings: this.#settings, now: this.#options.clock.monotonic(), random: this.#options.random.next() }
      const result = step(this.#session, next, context)
      this.#session = result.session
      for (const effect of result.effects) this.#carryOut(effect)
    }
    this.#isStepping = false
    this.#setWake()
    if (this.#session.phase.name === 'stopped') this.#onStopped?.()
  }

  state(): UplinkState {
    const { phase, broker, changedAt, lastError, reconnects } = this.#session
    const { clock } = this.#options
    return {
      master: this.master,
      state: stateNames[phase.name],
      broker: this.#brokers[broker]?.settings.url ?? '',
      since: epochMs(Math.round(clock.wall().at - (clock.monotonic() - changedAt))),
      lastError,
      outstandingBytes: phase.name === 'online' ? bytesUnderWay(phase.sender) : 0,
      marks: { ...this.#marks },
      reconnects,
    }
  }

  /** Says goodbye to the broker and settles when the connection has ended; a broker that does not answer gets two seconds. */
  close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => (this.#onStopped = resolve))
    this.feed({ kind: 'stop' })
    return stopped.then(() => this.#cancelWake())
  }

  #setWake(): void {
    this.#cancelWake()
    this.#cancelWake = () => undefined
    const at = wakeAt(this.#session, this.#settings)
    if (at === null) return
    const delayMs = Math.max(1, Math.ceil(at - this.#options.clock.monotonic()))
    this.#cancelWake = this.#options.timers.after(delayMs, () => this.feed({ kind: 'wake' }))
  }

  #carryOut(effect: Effect): void {
    const { generation } = this.#session
    switch (effect.kind) {
      case 'connect':
        return this.#connect(effect.broker, generation)
      case 'close':
        if (effect.good) this.#link?.end()
        else this.#link?.destroy()
        this.#link = null
        return
      case 'subscribe':
        return this.#subscribe(generation)
      case 'publish':
        return this.#publish(effect.id, { topic: effect.topic, payload: effect.payload, retain: false }, generation)
      case 'publish-state': {
        const payload = this.#stateText(effect.online, 'stopped')
        return this.#publish(effect.id, { topic: this.#settings.topics.state, payload, retain: true }, generation)
      }
      case 'load':
        return this.#run('extents', {}, (facts) =>
          this.feed({ kind: 'facts', generation, facts: { ...facts, parameters: this.#options.parameterHash() } }),
        )
      case 'read': {
        const { id, stream, first, maxCount, maxBytes } = effect
        return this.#run('read-stream', { stream, first, maxCount, maxBytes }, ({ records }) =>
          this.feed({ kind: 'records', generation, id, records }),
        )
      }
      case 'acknowledge': {
        const { epoch, marks } = effect
        for (const { stream, upTo } of marks) this.#marks[stream] = upTo
        return this.#run(
          'acknowledge',
          { master: this.master, epoch, marks, stamp: stampOf(this.#options.clock) },
          () => undefined,
        )
      }
      case 'renew':
        return this.#run('new-epoch', { reason: effect.reason, stamp: stampOf(this.#options.clock) }, () => {
          for (const stream of streams) this.#marks[stream] = 0
          this.feed({ kind: 'renewed', generation })
        })
      case 'event':
        return this.#record(effect.event)
      case 'note':
        return this.#options.log.info(effect.event, { master: this.master, ...effect.fields })
    }
  }

  #connect(broker: number, generation: number): void {
    const chosen = this.#brokers[broker]
    if (chosen === undefined) return
    const { settings, memory } = chosen
    const { topics } = this.#settings
    const will = { topic: topics.state, payload: this.#stateText(false, 'lost'), retain: true }
    this.#link = openMqttLink(
      {
        version: chosen.version,
        clientId: settings.clientId ?? this.#options.settings.concentrator,
        username: settings.username,
        keepAliveS: this.#keepAliveS,
        connectMs: this.#settings.connectMs,
        will,
        packetBytesMax: downlinkBytesMax,
        open: () => openBroker(settings, memory),
      },
      {
        onOpen: (limits) => {
          chosen.version = versionAfter(chosen.version, settings.version, 'open')
          this.feed({ kind: 'opened', generation, ...limits })
        },
        onMessage: (topic, payload, done) => this.#take(topic, payload, { generation, done }),
        onClosed: (code) => {
          chosen.version = versionAfter(chosen.version, settings.version, code)
          this.feed({ kind: 'closed', generation, code })
        },
      },
    )
  }

  #subscribe(generation: number): void {
    const { ack, order } = this.#settings.topics
    this.#link?.subscribe({ [ack]: 0, [order]: 1 }, (error) => {
      if (error === null) return this.feed({ kind: 'subscribed', generation })
      this.#link?.destroy()
      this.feed({ kind: 'closed', generation, code: `subscribe-${error}` })
    })
  }

  #publish(id: number, message: { topic: string; payload: string; retain: boolean }, generation: number): void {
    this.#link?.publish(message, (error) => this.feed({ kind: 'confirmed', generation, id, error }))
  }

  #take(topic: string, payload: Uint8Array, from: { readonly generation: number; readonly done: () => void }): void {
    const { topics } = this.#settings
    if (topic === topics.order) return this.#takeOrder(payload, from)
    if (topic === topics.ack) {
      const ack = parseMessage(ackSchema, payload)
      if (ack.ok) this.feed({ kind: 'ack', generation: from.generation, ack: ack.value })
      else this.#refuse('ack', ack.error.at, ack.error.message)
    }
    from.done()
  }

  /** The broker has its PUBACK when the order is journalled or refused, so orders never pile up here. */
  #takeOrder(payload: Uint8Array, from: { readonly generation: number; readonly done: () => void }): void {
    const { timers, intake, log } = this.#options
    let isDone = false
    const finish = (): void => {
      cancel()
      if (!isDone) from.done()
      isDone = true
    }
    const cancel = timers.after(intakeMaxMs, finish)
    this.feed({ kind: 'order', generation: from.generation })
    intake(Buffer.from(payload).toString('utf8'), 'uplink').then(
      (answer) => {
        if (!answer.accepted) log.warn('order-refused', { code: answer.code, message: answer.message })
        finish()
      },
      (cause: unknown) => {
        log.error('order-intake-failed', { message: String(cause) })
        finish()
      },
    )
  }

  #refuse(what: string, at: string, message: string): void {
    this.#record({ code: 'uplink.bad-message', severity: 'warning', detail: { what, at, message } })
  }

  #record(event: EventFact): void {
    const spent = spend(this.#budget, event, this.#options.clock.monotonic())
    this.#budget = spent.budget
    this.#options.log.warn('uplink-event', { master: this.master, code: event.code, ...event.detail })
    if (spent.event === null) return
    const detail = { master: this.master, ...spent.event.detail }
    this.#run('record-event', { event: { ...spent.event, detail }, stamp: stampOf(this.#options.clock) }, () => undefined)
  }

  /** The store's answer goes on; a store that fails ends the connection, and the back-off decides when it is asked again. */
  #run<K extends StoreCommandName>(
    command: K,
    input: StoreCommands[K]['in'],
    then: (out: StoreCommands[K]['out']) => void,
  ): void {
    const { generation } = this.#session
    this.#options.store.run(command, input).then(then, (cause: unknown) => {
      this.#options.log.error('uplink-store-failed', { master: this.master, command, message: String(cause) })
      if (generation !== this.#session.generation) return
      this.#link?.destroy()
      this.feed({ kind: 'closed', generation, code: 'store-fault' })
    })
  }

  #stateText(online: boolean, reason: 'stopped' | 'lost'): string {
    const { at, trusted } = this.#options.clock.wall()
    const { facts } = this.#session
    const state: StateMessage = {
      v: messageVersion,
      online,
      ...(online ? {} : { reason }),
      software: this.#options.settings.software,
      ...(online && facts !== null ? { epoch: facts.epoch } : {}),
      since: new Date(at).toISOString(),
      clockTrusted: trusted,
    }
    return JSON.stringify(state)
  }
}

const stateNames: Readonly<Record<Session['phase']['name'], UplinkState['state']>> = {
  stopped: 'offline',
  waiting: 'offline',
  connecting: 'connecting',
  subscribing: 'connecting',
  renewing: 'greeting',
  greeting: 'greeting',
  online: 'online',
  stopping: 'offline',
}
