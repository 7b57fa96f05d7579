// The system's zlib, for Storage.
#pragma once
#include <zlib.h>
