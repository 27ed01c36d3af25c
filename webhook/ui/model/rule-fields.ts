/** ProfileField is what the form of a rule asks of its field for the profile. */
interface ProfileField {
  required: boolean
  placeholder: string
}

/** Returns what a rule of a mode needs in its field for the profile: only one that learns does without. */
export function profileField(mode: string): ProfileField {
  return mode === 'learn'
    ? { required: false, placeholder: 'its own' }
    : { required: true, placeholder: 'name of the profile' }
}
