/** How the ids begin that the browser gives to elements, and no server does. */
export const mark = '~ '

export const isGenerated = (id: string): boolean => id.startsWith(mark)
