import type { Session } from '../../ports/index.js'

/** A session that has its outcome. */
export function settled<T>(outcome: T): Session<T> {
  return {
    effect: { kind: 'settled', outcome },
    step: () => {
      throw new Error('a settled session was stepped')
    },
  }
}

/** Goes on with `next` when a session has settled. */
export function andThen<A, B>(session: Session<A>, next: (outcome: A) => Session<B>): Session<B> {
  const { effect } = session
  if (effect.kind === 'settled') return next(effect.outcome)
  return { effect, step: (input) => andThen(session.step(input), next) }
}
