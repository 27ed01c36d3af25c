export interface BenchRow {
  case: string
  unit: string
  min: number
  median: number
  rounds: number
  ratio: Record<string, number>
}
