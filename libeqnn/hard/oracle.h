// oracle
#pragma once
