import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { BusCapabilities, ExchangeRequest, MeshSnapshot } from '../../src/ports/index.js'
import type { RunMode } from '../../src/protocols/gdw1376/index.js'
import { alignArchive } from './archive-alignment.js'
import { askBroadcastDelay, broadcast, broadcastAckMs } from './broadcast.js'
import { Conductor, type Task } from './conductor.js'
import { Desk } from './desk.js'
import { earliest, type LocalClock, type ModuleEffect, type ModuleInput } from './effects.js'
import { ExchangeBook, type Exchange } from './exchange-book.js'
import { Forwarder } from './forwarder.js'
import { FrameStream } from './frame-stream.js'
import type { ModuleKind } from './kind.js'
import { LedReading } from './led-reading.js'
import { searchMeters } from './meter-search.js'
import { ModuleEar } from './module-ear.js'
import { ModuleVoice } from './module-voice.js'
import { probe, survey } from './network-survey.js'
import type { Procedure } from './procedure.js'
import { RoutingCare } from './routing-care.js'
import { ledReserve, replyBytesUsual, type ModuleChoice, type ModuleSettings } from './settings.js'
import { pauseRouting, startUp } from './start-up.js'
import { Workplace } from './workplace.js'

export interface MachineOptions {
  readonly kind: ModuleKind
  readonly choice: ModuleChoice
  readonly settings: ModuleSettings
  readonly localTime: LocalClock
  /** Wire time of one byte, ms. */
  readonly byteMs: number
  readonly now: MonotonicMs
}

/** Who asks first when several want to. */
const ranks = { probe: 0, pause: 1, startUp: 2, delay: 3, broadcast: 3, align: 4, search: 5, resume: 6, survey: 7 } as const
/** An exchange that is not urgent does not wait for the end of a search. */
const searchPatienceMs = 5_000
/** After the start, until the network is looked at for the first time. */
const firstSurveyMs = 10_000

/**
 * The concentrator's side of a local communication module: inputs and the time in, effects out; it opens nothing and knows no clock.
 * The same inputs give the same effects.
 */
export class ModuleMachine {
  readonly #place: Workplace
  readonly #stream: FrameStream
  readonly #desk: Desk
  readonly #conductor: Conductor
  readonly #book: ExchangeBook
  readonly #forwarder: Forwarder
  readonly #led: LedReading
  readonly #ear: ModuleEar
  readonly #routing: RoutingCare
  readonly #delays = new Set<number>()
  #effects: ModuleEffect[] = []
  #downCode = 'not-open'
  #surveyAt: MonotonicMs
  #listsAt: MonotonicMs
  /** The archive is looked through because the module called a meter unknown. */
  #isDoubted = false
  /** In ways that carry one thing at a time, reads and commands take turns. */
  #lastWasCommand = false

  constructor(options: MachineOptions) {
    const place = new Workplace({ ...options, emit: (effect) => this.#effects.push(effect) })
    this.#place = place
    this.#stream = new FrameStream(options.settings.interByteMs, options.now)
    this.#desk = new Desk(place.wire, options.settings.commandMs)
    this.#book = new ExchangeBook(place)
    this.#forwarder = new Forwarder(place, this.#book)
    this.#led = new LedReading(place, this.#book)
    this.#conductor = new Conductor(this.#desk, { isDrained: () => this.#isDrained(), mayAsk: (alone) => this.#mayAsk(alone) })
    this.#ear = new ModuleEar({
      place,
      book: this.#book,
      desk: this.#desk,
      conductor: this.#conductor,
      forwarder: this.#forwarder,
      voice: new ModuleVoice(place, this.#led, () => this.#mayServe()),
      onStart: (mode) => this.#restarted(mode),
    })
    this.#routing = new RoutingCare({
      place,
      book: this.#book,
      forwarder: this.#forwarder,
      led: this.#led,
      conductor: this.#conductor,
    })
    this.#surveyAt = options.now
    this.#listsAt = options.now
    place.hasUrgent = () => this.#book.hasUrgent
  }

  get isUp(): boolean {
    return this.#place.stage === 'ready'
  }

  /** Why requests cannot leave. */
  get downCode(): string {
    return this.#downCode
  }

  get capabilities(): BusCapabilities {
    const { way, nodes, profile, readMs, settings } = this.#place
    const isLed = way === 'module-led'
    const waitMs = isLed ? settings.ledWaitMs : Math.max(readMs, broadcastAckMs(this.#place)) + settings.quietMsMax
    return {
      replyBytesMax: Math.min(replyBytesUsual, this.#forwarder.bytesMax),
      framesAtOnce: isLed ? 1 : this.#forwarder.framesAtOnce,
      concurrency: isLed ? nodes.size + ledReserve : this.#forwarder.window,
      broadcast: true,
      routing: true,
      exchangeMsMax: waitMs + settings.patienceMs,
      medium: profile.name,
    }
  }

  snapshot(now: MonotonicMs): MeshSnapshot {
    const { stage, trouble, module, nodes, restarts, profile, settings } = this.#place
    const { slowReplyMs } = profile
    return {
      stage: stage === 'ready' ? this.#readyStage(now) : stage,
      trouble,
      module,
      nodes: nodes.states(now, { slowReplyMs, hopelessMs: settings.hopelessMs }),
      moduleRestarts: restarts,
    }
  }

  step(input: ModuleInput, now: MonotonicMs): readonly ModuleEffect[] {
    const wasUp = this.isUp
    this.#effects = []
    this.#place.now = now
    this.#take(input)
    this.#elapse()
    this.#pump()
    const { loss } = this.#place
    if (loss !== null) {
      this.#lose(loss)
      this.#pump()
    }
    if (this.isUp !== wasUp) this.#effects.push({ kind: 'state', up: this.isUp, code: this.isUp ? 'ready' : this.#downCode })
    return this.#effects
  }

  /** When time itself must be told to the machine. */
  wakeAt(): MonotonicMs | null {
    const place = this.#place
    const { now } = place
    const later = (at: MonotonicMs): MonotonicMs | null => (at > now ? at : null)
    const parts = [this.#stream.due, this.#desk.due, this.#conductor.due, this.#forwarder.due, this.#led.due, this.#book.due]
    if (place.stage !== 'ready') return earliest(...parts, later(this.#quietAt()))
    const hasWork = this.#book.waiting.length > 0 || this.#conductor.wantsToAsk
    return earliest(
      ...parts,
      this.#book.whenIdle(this.#surveyAt),
      this.#conductor.has('survey') ? null : place.listsWantedAt,
      place.wantsAlign ? later(place.alignNotBefore) : null,
      ...(hasWork ? [later(place.quietUntil), later(place.reservedUntil), later(this.#quietAt())] : []),
      this.#routing.due,
    )
  }

  #take(input: ModuleInput): void {
    const place = this.#place
    switch (input.kind) {
      case 'exchange':
        return this.#exchange(input.id, input.request, input.deadline)
      case 'delay':
        return this.#askDelay(input.id, input.bytes)
      case 'nodes':
        return place.nodes.set(input.nodes, place.now)
      case 'search':
        if (place.stage === 'ready') this.#add('search', ranks.search, true, () => this.#search(input.minutes))
        return
      case 'recall':
        return this.#book.recall(input.meter)
      case 'bytes':
        for (const heard of this.#stream.push(input.bytes, place.now)) this.#ear.hear(heard)
        return
      case 'timer':
        return
      case 'write-failed':
        return input.exchange === null ? undefined : this.#writeFailed(input.exchange, input.code)
      case 'link':
        return input.open ? this.#open() : this.#close(input.code)
    }
  }

  #exchange(id: number, request: ExchangeRequest, deadline: MonotonicMs): void {
    const { nodes, stage, now, settings } = this.#place
    const node = request.to === 'all' ? null : nodes.find(request.to)
    const exchange = this.#book.add({ id, request, deadline, node })
    if (stage !== 'ready') return this.#book.settleDown(exchange, this.#downCode)
    if (request.to === 'all') {
      const startBy = now + settings.broadcastWaitMs
      this.#add(`broadcast ${id}`, ranks.broadcast, true, () => broadcast(this.#place, this.#book, exchange, startBy))
      return
    }
    if (node === null || node.isRefused) return this.#book.settleDown(exchange, 'not-in-archive')
    // At once: whoever waits here keeps others from the one place that there is.
    if (request.isUrgent !== true && node.inNetwork !== true && now < this.#place.buildingUntil)
      return this.#book.settleDown(exchange, 'networking')
    if (!this.#forwarder.fits(request.bytes.length)) return this.#book.settleDown(exchange, 'too-long')
    if (this.#conductor.exclusive === 'search') this.#book.shortenWaiting(searchPatienceMs, 'module-searching')
  }

  #writeFailed(id: number, code: string): void {
    this.#forwarder.writeFailed(id)
    this.#book.writeFailed(id, code)
  }

  #askDelay(id: number, bytes: Uint8Array): void {
    const tell = (delayMs: number | null): void => {
      if (this.#delays.delete(id)) this.#place.emit({ kind: 'delay', id, delayMs })
    }
    this.#delays.add(id)
    if (this.#place.stage !== 'ready' || this.#conductor.exclusive === 'search') return tell(null)
    this.#add(`delay ${id}`, ranks.delay, true, () => askBroadcastDelay(this.#place, bytes, tell))
  }

  *#search(minutes: number): Procedure {
    this.#book.shortenWaiting(searchPatienceMs, 'module-searching')
    yield* searchMeters(this.#place, minutes)
  }

  #open(): void {
    if (this.#place.stage !== 'down') return
    this.#stream.clear()
    this.#place.wire.heardAt = null
    this.#ear.trace('state', none, 'the link is open')
    this.#begin(null, 'module-starting')
  }

  #close(code: string): void {
    if (this.#place.stage === 'down') return
    this.#ear.trace('state', none, `down: ${code}`)
    this.#stop(code)
    this.#place.stage = 'down'
  }

  #lose(code: string): void {
    this.#ear.trace('state', none, `the module is lost: ${code}`)
    this.#place.trouble = 'the module does not answer'
    this.#stop(code)
    this.#place.emit({ kind: 'reopen', code })
    this.#begin(null, code)
  }

  #restarted(mode: RunMode): void {
    this.#ear.trace('state', none, 'the module has started')
    this.#stop('module-restarted', false)
    this.#begin(mode, 'module-starting')
  }

  /** Everything under way ends: what the module had, it has no more. */
  #stop(code: string, isLost = true): void {
    const place = this.#place
    if (isLost && place.stage === 'ready') place.report({ kind: 'module-lost', code })
    this.#downCode = code
    place.loss = null
    place.stage = 'starting'
    place.routing = 'unknown'
    place.reservedUntil = place.now
    this.#conductor.clear(place.now)
    this.#forwarder.clear()
    this.#led.clear()
    this.#book.failAll(code)
    for (const id of this.#delays) place.emit({ kind: 'delay', id, delayMs: null })
    this.#delays.clear()
  }

  #begin(mode: RunMode | null, code: string): void {
    const place = this.#place
    place.stage = 'starting'
    this.#downCode = code
    this.#add('start-up', ranks.startUp, true, () => this.#startUp(mode))
  }

  *#startUp(mode: RunMode | null): Procedure {
    yield* startUp(this.#place, mode)
    this.#book.archiveAligned()
    this.#surveyAt = monotonicMs(this.#place.now + firstSurveyMs)
    this.#listsAt = this.#surveyAt
    this.#routing.begin()
  }

  #elapse(): void {
    const { now } = this.#place
    for (const heard of this.#stream.elapse(now)) this.#ear.hear(heard)
    const result = this.#desk.elapse(now)
    if (result !== null) this.#conductor.answer(result, now)
    this.#forwarder.elapse()
    this.#led.elapse()
    this.#book.elapse()
  }

  #pump(): void {
    const { now } = this.#place
    if (this.#place.stage === 'ready') this.#plan()
    this.#conductor.pump(now)
    if (this.#place.loss !== null) return
    for (let next = this.#nextRead(); next !== null; next = this.#nextRead()) {
      this.#lastWasCommand = false
      this.#forwarder.send(next)
    }
  }

  /** What has to be done beside reading. */
  #plan(): void {
    const place = this.#place
    const { now, settings } = place
    if (this.#forwarder.wantsProbe) {
      this.#forwarder.wantsProbe = false
      this.#add('probe', ranks.probe, false, () => probe(place))
    }
    if (this.#forwarder.wantsArchive) {
      this.#forwarder.wantsArchive = false
      place.wantsAlign = true
      this.#isDoubted = true
    }
    const isChanged = place.nodes.isSet && place.nodes.version !== place.alignedVersion
    if (place.nodes.isSet && (isChanged || place.wantsAlign) && now >= place.alignNotBefore)
      this.#add('align', ranks.align, true, () => this.#align())
    const isWanted = place.listsWantedAt !== null && now >= place.listsWantedAt && !this.#conductor.has('survey')
    // Once half-way, and once when the network should be there.
    if (isWanted) place.listsWantedAt = now < place.buildingUntil ? place.buildingUntil : null
    if (isWanted || now >= this.#book.whenIdle(this.#surveyAt)) {
      const lists = isWanted || now >= this.#listsAt
      if (lists) this.#listsAt = monotonicMs(now + settings.listsMs)
      this.#surveyAt = monotonicMs(now + settings.surveyMs)
      this.#add('survey', ranks.survey, false, () => survey(place, lists))
    }
    const task = this.#routing.wants()
    if (task !== null) this.#add(task.name, ranks[task.name], false, task.run)
  }

  *#align(): Procedure {
    const place = this.#place
    if (!(yield* pauseRouting(place))) return place.lose('module-silent')
    const alignment = yield* alignArchive(place)
    if (alignment === 'silent') return place.lose('module-silent')
    if (alignment === 'aligned' && this.#isDoubted && place.alignChanges === 0)
      place.inLineUntil = monotonicMs(place.now + place.settings.alignAgainMs)
    this.#isDoubted = false
    this.#book.archiveAligned()
  }

  #add(name: string, rank: number, isExclusive: boolean, run: Task['run']): void {
    this.#conductor.add({ name, rank, isExclusive, run })
  }

  #isDrained(): boolean {
    return this.#place.stage !== 'ready' || (this.#forwarder.underWay === 0 && this.#routing.isQuiet)
  }

  /** The module may be given frames for what it asks. */
  #mayServe(): boolean {
    const { stage, now, quietUntil, reservedUntil } = this.#place
    return stage === 'ready' && !this.#conductor.holdsReads && now >= quietUntil && now >= reservedUntil
  }

  #nextRead(): Exchange | null {
    const { now, way, gapMs } = this.#place
    if (!this.#mayServe() || (gapMs > 0 && now < this.#quietAt())) return null
    if (way !== 'concurrent' && this.#desk.isBusy) return null
    if (way === 'module-led' && !this.#routing.isQuiet) return null
    return this.#forwarder.next(way !== 'module-led')
  }

  #mayAsk(isExclusive: boolean): boolean {
    const { now, gapMs, way } = this.#place
    if (gapMs > 0 && now < this.#quietAt()) return false
    if (!isExclusive) {
      if (this.#place.stage === 'ready' && now < this.#place.quietUntil) return false
      if (way !== 'concurrent' && this.#forwarder.underWay > 0) return false
      const read = this.#nextRead()
      if (read !== null && (read.request.isUrgent === true || (way !== 'concurrent' && this.#lastWasCommand))) return false
    }
    this.#lastWasCommand = true
    return true
  }

  #quietAt(): MonotonicMs {
    return this.#place.wire.quietAt(this.#place.gapMs)
  }

  #readyStage(now: MonotonicMs): MeshSnapshot['stage'] {
    const { nodes, readySince, settings } = this.#place
    if (this.#conductor.exclusive === 'align') return 'aligning'
    if (now < this.#place.buildingUntil && [...nodes.all()].some(({ inNetwork }) => inNetwork !== true)) return 'networking'
    const isYoung = nodes.size > 0 && now < readySince + settings.networkingMs
    return isYoung && ![...nodes.all()].some(({ wasSeen }) => wasSeen) ? 'networking' : 'ready'
  }
}

const none = new Uint8Array(0)
