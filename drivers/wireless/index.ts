/** Radio: a transparent modem that cuts what it is given into packets, and a micro-power module behind Q/GDW 1376.2. */
export { createRadioModemBus } from './radio-bus.js'
export type { RadioModemBus, RadioModemOptions } from './radio-bus.js'
export { checkRadioModem, defaultRadioSettings } from './radio-settings.js'
export type { ConfigurationWay, RadioSettings } from './radio-settings.js'
export { decodeParameters, encodeParameters } from './radio-parameters.js'
export type { RadioParameters } from './radio-parameters.js'
export { checkRadioModuleOptions, createRadioModuleBus } from './radio-module.js'
export type { RadioModuleChoice, RadioModuleOptions } from './radio-module.js'
