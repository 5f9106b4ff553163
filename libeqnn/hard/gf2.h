// gf2
#pragma once
