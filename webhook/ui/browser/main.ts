import { startActions } from './actions.js'
import { startBlocked } from './blocked.js'
import { startGrid } from './grid.js'
import { startImport } from './import.js'
import { startLive } from './live.js'
import { startButtons, startRules, startSimulation, startSliders, startTour } from './small.js'

document.documentElement.classList.add('js')
startActions()
startBlocked()
startButtons()
startGrid()
startImport()
startLive()
startRules()
startSliders()
startTour()
void startSimulation()
