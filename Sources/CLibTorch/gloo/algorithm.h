// A stand-in (README.md).
#pragma once
namespace gloo { class Algorithm; }
