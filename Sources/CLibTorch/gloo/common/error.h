// A stand-in (README.md): c10d's headers include it and use none of its names.
#pragma once
