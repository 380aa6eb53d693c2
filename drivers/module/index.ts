/** The concentrator's side of a Q/GDW 1376.2 local communication module, shared by the media that have one. See README.md. */
export type { ModuleKind } from './kind.js'
export { createModuleBus } from './module-bus.js'
export type { ModuleBus, ModuleOptions } from './module-bus.js'
export { checkModuleOptions } from './options.js'
export { defaultModuleSettings, windowMax } from './settings.js'
export type { Medium, ModuleChoice, ModuleProfile, ModuleSettings, NetworkList, ReadingWay } from './settings.js'
