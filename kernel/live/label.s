// This file lets package live declare a function of the runtime without a body.
