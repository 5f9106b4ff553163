// learners
#pragma once
