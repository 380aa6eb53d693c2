import type { Procedure } from './procedure.js'
import type { Medium, ModuleProfile } from './settings.js'
import type { Workplace } from './workplace.js'

/** A family of modules: what `drivers/plc` and `drivers/wireless` say to the machine that they share. */
export interface ModuleKind {
  readonly name: string
  /** Communication modes tried, one after the other, on a module that has not spoken yet. @source facts §2.1 */
  readonly modes: readonly number[]
  /** Taken before the module has said what it is. */
  readonly mediumGuess: Medium
  readonly profileOf: (medium: Medium) => ModuleProfile
  /** What this medium asks and sets at each start, after the main node's address and before the archive. @returns false: the module fell silent */
  readonly prepare?: (place: Workplace) => Procedure<boolean>
}
