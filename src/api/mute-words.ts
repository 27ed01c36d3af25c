/** What the name of a process (`comm`) is worth, as a clause: prctl(2), PR_SET_NAME. */
export const ownWordOfName = 'a process can take any name, also that of another one'
