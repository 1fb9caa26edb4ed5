/* What the page says: a key of the tables of words, with its fields filled in.

   The tables are words-en.js and words-pt.js: the same keys, and in each text the same {fields}.
   Events of the page's side carry their texts in both languages, as {en, pt}: `pick` takes one. */
"use strict";

globalThis.Ponte ??= {};

{
    Ponte.words = {en: {}, pt: {}};

    /**
     * A text of the tables. A key that is missing is said as it is, so that nothing is hidden.
     * @param {string} lang "en" or "pt"
     * @param {string} key
     * @param {Object<string, *>} [values] for the {fields}; {en, pt} says each language its own
     * @returns {string}
     */
    Ponte.say = (lang, key, values = {}) => {
        const text = Ponte.words[lang]?.[key] ?? Ponte.words.en[key] ?? key;
        return text.replace(/\{(\w+)\}/g, (field, name) =>
            Object.hasOwn(values, name) ? Ponte.pick(values[name], lang) : field);
    };

    /** A value as text: {en, pt} in its language, anything else as it is. */
    Ponte.pick = (value, lang) => {
        if (value === null || value === undefined) {
            return "";
        }
        return String(typeof value === "object" ? value[lang] ?? value.en ?? "" : value);
    };
}
