// The network's arithmetic on plain pointers, for which no library reaches this CPU's speed: a
// header an operator.
#pragma once

#include "vmk_cast.h"
#include "vmk_depthwise.h"
#include "vmk_elementwise.h"
#include "vmk_expand_norm.h"
#include "vmk_head.h"
#include "vmk_instruction_set.h"
#include "vmk_layer_norm.h"
#include "vmk_linear.h"
#include "vmk_memory.h"
#include "vmk_merge_norm.h"
#include "vmk_norm_gate.h"
#include "vmk_patchify.h"
#include "vmk_residual.h"
#include "vmk_selective_scan.h"
#include "vmk_ss2d.h"
#include "vmk_threads.h"
#include "vmk_types.h"
