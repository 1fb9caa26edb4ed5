"use strict";

Object.assign(Ponte.words.pt, {
});
