// reduction
#pragma once
