// bounds
#pragma once
