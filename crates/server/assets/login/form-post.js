// Sends the form that brings the authorization code to the program that waits for it.
"use strict";
document.getElementById("form-post").submit();
