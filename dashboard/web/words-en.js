"use strict";

Object.assign(Ponte.words.en, {
});
