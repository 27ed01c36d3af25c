/** What a profile can be exported as, by the names of `-o`. */
export const exportFormats = ['oci', 'yaml', 'spo', 'map', 'oci-artifact'] as const
export type ExportFormat = (typeof exportFormats)[number]
